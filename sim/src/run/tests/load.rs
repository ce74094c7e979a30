//! Runs with bytes that take their time, and nothing else that is wrong: load alone changes no leader and harms nobody.

use serde_json::{Value, json};

use super::super::*;
use crate::{
    explain,
    scenario::{Ending, generate},
    trace::Range,
    workload::{LargeValues, Spans},
    world::{Answers, Knobs, Rates, Retention},
};

const ELECTION_TIMEOUT_MS: u64 = 200;
/// A state of some megabytes takes seconds: many election timeouts.
const BANDWIDTH: u64 = 1_200_000;

/// Three nodes of equal priority, a proxy, and a light client; these faults, and no other.
fn scenario(seed: u64, faults: Value) -> Scenario {
    let mut scenario = generate(seed);
    let shape = &mut scenario.shape;
    shape.priorities = vec![0; 3];
    (shape.proxies, shape.clients) = (1, 1);
    (shape.heartbeat_ms, shape.election_timeout_ms) = (ELECTION_TIMEOUT_MS / 4, ELECTION_TIMEOUT_MS);
    shape.latency_us = Range { low: 200, high: 2_000 };
    shape.disk_us = Range { low: 20, high: 200 };
    shape.bandwidth_bytes_per_s = Some(BANDWIDTH);
    shape.retention = Retention::default();
    shape.answers = Answers::default();
    scenario.workload.pause_ms = Range { low: 5, high: 60 };
    scenario.workload.patience_ms = 5_000;
    scenario.workload.large = None;
    (scenario.workload.spans, scenario.workload.open_loops) = (Spans::default(), 0);
    scenario.ending = Ending::default();
    scenario.chaos_ms = 10_000;
    (scenario.buggify, scenario.knobs) = (Rates::default(), Knobs::default());
    scenario.faults = serde_json::from_value(faults).expect("faults");
    scenario
}

fn with_large_values(mut scenario: Scenario, high: u64) -> Scenario {
    let (bytes, pause_ms) = (Range { low: 100_000, high }, Range { low: 20, high: 40 });
    scenario.workload.large = Some(LargeValues { keys: 20, bytes, pause_ms });
    scenario
}

fn count(verdict: &Verdict, outcome: &str) -> u64 {
    verdict.figures.operations.get(outcome).copied().unwrap_or(0)
}

/// The first leader is elected, and one that the healed cluster is asked for.
const ELECTIONS: u64 = 2;

/// It is green, nobody else was elected, and the light client was served.
fn assert_harmless(verdict: &Verdict) {
    let seed = verdict.seed;
    assert!(verdict.failure.is_none(), "seed {seed}: {:?}", verdict.failure);
    assert_eq!(verdict.figures.elections, ELECTIONS, "seed {seed}: load alone elected another leader");
    let failed = count(verdict, "did not happen") + count(verdict, "unknown");
    assert_eq!(failed, 0, "seed {seed}: a small call failed");
    assert!(count(verdict, "put") + count(verdict, "get") > 20, "seed {seed}: {:?}", verdict.figures);
}

#[test]
fn bytes_and_floods_are_one_history_too() {
    let faults = json!([
        {"at_ms": 1_000, "for_ms": 2_000, "kind": {"flood": {"proxy": 0, "clients": 20}}},
        {"at_ms": 2_000, "for_ms": 2_000, "kind": {"slow-link": {"node": "leader", "bytes_per_s": 300_000}}},
    ]);
    let mut scenario = with_large_values(scenario(1, faults), 300_000);
    scenario.chaos_ms = 5_000;
    assert_eq!(run(&scenario, false).trace_hash, run(&scenario, false).trace_hash);
}

#[test]
fn values_that_fill_the_links_change_no_leader_and_harm_no_small_call() {
    for seed in 1..=4 {
        let verdict = run(&with_large_values(scenario(seed, json!([])), 300_000), false);
        assert_harmless(&verdict);
        assert!(count(&verdict, "large put") > 5, "seed {seed}: {:?}", verdict.figures);
    }
}

#[test]
fn a_state_that_travels_longer_than_several_elections_arrives_and_nobody_is_elected() {
    for seed in 1..=4 {
        let join = json!([{"at_ms": 6_000, "for_ms": 100, "kind": {"join": {"new": 9, "learner": true}}}]);
        let mut scenario = with_large_values(scenario(seed, join), 200_000);
        scenario.shape.retention =
            Retention { sync_entries: 2, log_entries: 10, piece_bytes: 512 << 10, ..Retention::default() };
        let verdict = run(&scenario, true);
        assert_harmless(&verdict);
        assert!(verdict.figures.snapshots > 0, "seed {seed}");
        let first =
            verdict.story.iter().find(|timed| explain::line(&scenario, timed).contains("node 9   applied"));
        let arrived_ms = first.expect("it has applied something").at_ns / 1_000_000;
        assert!(arrived_ms > 6_000 + 5 * ELECTION_TIMEOUT_MS, "seed {seed}: it arrived at {arrived_ms} ms");
    }
}

/// With room for four times the log's limit, the newcomer was sent one snapshot after another: what was written while a state travelled
/// was forgotten before it had arrived.
#[test]
fn a_log_that_keeps_next_to_nothing_keeps_no_newcomer_out() {
    for seed in 1..=2 {
        let join = json!([{"at_ms": 3_000, "for_ms": 100, "kind": {"join": {"new": 9, "learner": false}}}]);
        let mut scenario = with_large_values(scenario(seed, join), 200_000);
        scenario.shape.retention =
            Retention { sync_entries: 1, log_entries: 1, piece_bytes: 512 << 10, ..Retention::default() };
        scenario.knobs = serde_json::from_value(json!({"log-bytes": 1_000})).expect("knobs");
        let verdict = run(&scenario, false);
        assert_harmless(&verdict);
        assert!((1..=3).contains(&verdict.figures.snapshots), "seed {seed}: {:?}", verdict.figures);
    }
}

#[test]
fn a_flood_is_refused_and_a_light_client_beside_it_is_served() {
    for bandwidth in [None, Some(BANDWIDTH)] {
        for seed in 1..=2 {
            let flood =
                json!([{"at_ms": 2_000, "for_ms": 4_000, "kind": {"flood": {"proxy": 0, "clients": 40}}}]);
            let mut scenario = scenario(seed, flood);
            scenario.shape.bandwidth_bytes_per_s = bandwidth;
            scenario.shape.answers.held_bytes = 200_000;
            let verdict = run(&scenario, false);
            assert_harmless(&verdict);
            assert!(count(&verdict, "flood") > 20, "seed {seed}: {:?}", verdict.figures);
            assert!(count(&verdict, "flood refused") > 0, "seed {seed}: {:?}", verdict.figures);
        }
    }
}
