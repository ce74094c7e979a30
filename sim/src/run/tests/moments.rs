//! A fault that waits for a moment strikes in the middle of it.

use serde_json::{Value, json};

use super::super::*;
use crate::{
    scenario::{Ending, generate},
    trace::{FaultEvent, MachineEvent, MachineId, Range},
    world::{Knobs, Rates, Retention},
};

/// Three nodes that often flush and send snapshots; this fault, after the leader was killed.
fn verdict(seed: u64, fault: Value) -> Verdict {
    let mut scenario = generate(seed);
    scenario.shape.priorities = vec![0; 3];
    scenario.shape.retention = Retention { sync_entries: 2, log_entries: 10, ..Retention::default() };
    // A quiet cluster seldom flushes.
    scenario.workload.pause_ms = Range { low: 5, high: 60 };
    (scenario.ending, scenario.chaos_ms) = (Ending::default(), 8_000);
    (scenario.buggify, scenario.knobs) = (Rates::default(), Knobs::default());
    let election = json!({"at_ms": 3_000, "for_ms": 1_500, "kind": {"crash": {"node": "leader"}}});
    scenario.faults = serde_json::from_value(json!([election, fault])).expect("faults");
    run(&scenario, true)
}

fn crash_at(moment: &str) -> Value {
    json!({"at_ms": 3_001, "for_ms": 500, "moment": moment, "kind": {"crash": {"node": "subject"}}})
}

/// The node that the moment was about, and the time from there until it was killed, in nanoseconds.
fn met(verdict: &Verdict) -> Option<(u64, u64)> {
    let met = verdict.story.iter().find_map(|timed| match timed.event {
        Event::Fault { fault: 1, event: FaultEvent::Met { node } } => Some((node?, timed.at_ns)),
        _ => None,
    });
    let (node, met_ns) = met?;
    let killed = verdict.story.iter().find(|timed| {
        let is_killed = Event::Machine { machine: MachineId::Node(node), event: MachineEvent::Killed };
        timed.at_ns >= met_ns && timed.event == is_killed
    });
    Some((node, killed.expect("the fault strikes then").at_ns - met_ns))
}

#[test]
fn a_fault_strikes_at_its_moment_and_at_the_node_that_it_is_about() {
    for moment in ["vote-granted", "flush-begins"] {
        for seed in 1..=3 {
            let verdict = verdict(seed, crash_at(moment));
            assert!(verdict.failure.is_none(), "seed {seed}: {:?}", verdict.failure);
            let (node, later_ns) = met(&verdict).expect("there is an election, and flushes");
            assert!((1..=3).contains(&node));
            assert!(later_ns < 1_000, "{moment}, seed {seed}: {later_ns} ns later");
        }
    }
}

#[test]
fn a_moment_that_does_not_come_is_waited_for_and_then_let_be() {
    let count = |verdict: &Verdict, is: fn(&FaultEvent) -> bool| {
        verdict
            .story
            .iter()
            .filter(|timed| matches!(&timed.event, Event::Fault { fault: 1, event } if is(event)))
            .count()
    };
    let killed = |verdict: &Verdict| {
        let kills = verdict
            .story
            .iter()
            .filter(|timed| matches!(timed.event, Event::Machine { event: MachineEvent::Killed, .. }));
        kills.count()
    };
    let subject = verdict(1, crash_at("members-change"));
    assert_eq!(count(&subject, |event| *event == FaultEvent::Waited), 1);
    let mut other = crash_at("members-change");
    other["kind"]["crash"]["node"] = json!("leader");
    let other = verdict(1, other);
    assert_eq!(count(&other, |event| *event == FaultEvent::Waited), 1);
    assert_eq!(killed(&other), killed(&subject) + 1, "it strikes all the same, unless nobody is the subject");
}
