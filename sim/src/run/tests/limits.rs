//! A run that is looked at for a while only.

use std::time::Duration;

use crate::{
    run::{run, run_for},
    scenario::generate,
    verdict::Verdict,
};

#[test]
fn a_limit_changes_nothing_before_it() {
    for seed in 0..6 {
        let scenario = generate(seed);
        let hash = |Verdict { trace_hash, .. }| trace_hash;
        let hour = Duration::from_secs(3_600);
        assert_eq!(hash(run_for(&scenario, false, Some(hour))), hash(run(&scenario, false)), "seed {seed}");
    }
}

#[test]
fn what_would_come_after_a_limit_does_not_happen() {
    let limit = Duration::from_secs(2);
    let ended = run_for(&generate(0), false, Some(limit));
    assert!(ended.failure.is_none());
    let ended = Duration::from_nanos(ended.figures.simulated_ns);
    assert!((limit..2 * limit).contains(&ended), "{ended:?}");
}
