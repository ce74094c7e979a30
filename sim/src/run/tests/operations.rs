//! What operators do in the middle of everything.

use serde_json::{Value, json};

use super::super::*;
use crate::{
    scenario::{Ending, generate},
    trace::{MachineEvent, MachineId},
    world::{Knobs, Rates},
};

fn verdict(seed: u64, faults: Value, ending: Ending) -> Verdict {
    let mut scenario = generate(seed);
    scenario.shape.priorities = vec![0; 3];
    scenario.workload.keys = 8;
    (scenario.ending, scenario.chaos_ms) = (ending, 12_000);
    (scenario.buggify, scenario.knobs) = (Rates::default(), Knobs::default());
    scenario.faults = serde_json::from_value(faults).expect("faults");
    let verdict = run(&scenario, true);
    assert!(verdict.failure.is_none(), "seed {seed}: {:?}", verdict.failure);
    verdict
}

fn nodes(verdict: &Verdict, of: &MachineEvent) -> Vec<u64> {
    let node = |timed: &conclave_checks::Timed<Event>| match &timed.event {
        Event::Machine { machine: MachineId::Node(id), event } if event == of => Some(*id),
        _ => None,
    };
    verdict.story.iter().filter_map(node).collect()
}

#[test]
fn a_rolling_restart_restarts_each_node_once_and_one_at_a_time() {
    for seed in 1..=2 {
        let faults = json!([{"at_ms": 3_000, "for_ms": 1, "kind": {"rolling-restart": {"pause_ms": 100}}}]);
        let verdict = verdict(seed, faults, Ending::default());
        assert_eq!(nodes(&verdict, &MachineEvent::ToldToStop), [1, 2, 3]);
        assert_eq!(nodes(&verdict, &MachineEvent::Started), [1, 2, 3, 1, 2, 3]);
    }
}

#[test]
fn a_backup_in_the_middle_of_it_all_is_a_read() {
    let back_up = |at_ms| json!({"at_ms": at_ms, "for_ms": 1, "kind": "back-up"});
    for seed in 1..=3 {
        let verdict = verdict(seed, json!([back_up(3_000), back_up(5_000)]), Ending::default());
        assert_eq!(verdict.figures.operations.get("backup"), Some(&2), "seed {seed}");
    }
}

#[test]
fn after_a_blackout_at_the_end_all_of_the_history_is_read() {
    for seed in 1..=2 {
        let verdict = verdict(seed, json!([]), Ending { blackout: true, ..Ending::default() });
        assert_eq!(nodes(&verdict, &MachineEvent::LostPower), [1, 2, 3]);
        assert!(verdict.figures.operations.contains_key("range of the past"), "{:?}", verdict.figures);
    }
}

#[test]
fn who_was_removed_and_comes_back_hears_of_it_and_stops() {
    let faults = json!([
        {"at_ms": 2_000, "for_ms": 1, "kind": {"remove": {"node": 3}}},
        {"at_ms": 11_000, "for_ms": 1, "kind": {"old-disk-back": {"node": {"former": 0}}}},
    ]);
    let verdict = verdict(1, faults, Ending::default());
    let of_third = |of: &MachineEvent| nodes(&verdict, of).into_iter().filter(|id| *id == 3).count();
    assert_eq!((of_third(&MachineEvent::Started), of_third(&MachineEvent::Ended)), (2, 2));
}
