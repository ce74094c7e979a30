//! Reads by lease, and the clocks that they rest on.

use serde_json::json;

use super::super::*;
use crate::{
    scenario::{Ending, generate},
    verdict::Rule,
    world::{Knobs, Leases, Rates},
};

/// The leader's clock is slow and all others are fast, each by 9 %, and nobody hears it any more: they elect another one. Leases last as
/// long as three seconds, in a cluster that was told that clocks drift by no more than this.
fn verdict(seed: u64, stated_drift_percent: u32) -> Verdict {
    let mut scenario = generate(seed);
    scenario.shape.priorities = vec![0; 3];
    scenario.shape.heartbeat_ms = 50;
    scenario.shape.election_timeout_ms = 1_500;
    scenario.shape.lease_reads = Leases::OfAll(true);
    scenario.shape.leases_switch = false;
    scenario.shape.stated_drift_percent = stated_drift_percent;
    (scenario.ending, scenario.chaos_ms) = (Ending::default(), 14_000);
    (scenario.buggify, scenario.knobs) = (Rates::default(), Knobs::default());
    let faults = json!([
        {"at_ms": 4_000, "for_ms": 10_000, "kind": {"diverging-clocks": {"node": "leader", "ppm": -90_000}}},
        {"at_ms": 8_000, "for_ms": 6_000, "kind": {"isolated-leader": {"proxies": [0]}}},
    ]);
    scenario.faults = serde_json::from_value(faults).expect("faults");
    run(&scenario, false)
}

#[test]
fn leases_hold_while_clocks_drift_as_stated_and_are_found_out_when_they_drift_more() {
    let mut broken = 0;
    for seed in 1..=6 {
        let lawful = verdict(seed, 10);
        assert!(lawful.failure.is_none(), "seed {seed}: {:?}", lawful.failure);
        let rule = verdict(seed, 0).failure.map(|failure| failure.rule);
        let is_of_leases = rule == Some(Rule::Invariant(conclave_checks::Rule::LeaseIsExclusive));
        assert!(is_of_leases || rule.is_none(), "seed {seed}: {rule:?}");
        broken += u32::from(is_of_leases);
    }
    assert!(broken > 0, "no seed finds that the lease outlasts the promise");
}
