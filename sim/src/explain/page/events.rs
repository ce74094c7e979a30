//! The events of a run in columns. Times are in nanoseconds, each as what has passed since the event before.

use conclave_checks::Timed;
use serde::Serialize;

use super::{
    super::{Kind, selection::Roles, story::words},
    lanes::{Lanes, Whose},
    words::Words,
};
use crate::{scenario::Scenario, trace::Event};

#[derive(Debug, Default, Serialize)]
pub(super) struct Events {
    passed: Vec<u64>,
    /// -1: it is about the whole run.
    lane: Vec<i64>,
    kind: Vec<usize>,
    words: Vec<usize>,
}

/// The kinds, by their numbers.
pub(super) const KINDS: [(Kind, &str); 9] = [
    (Kind::Phase, "phase"),
    (Kind::Fault, "fault"),
    (Kind::Machine, "machine"),
    (Kind::Election, "election"),
    (Kind::Log, "log"),
    (Kind::State, "state"),
    (Kind::Client, "client"),
    (Kind::Large, "large"),
    (Kind::Operator, "operator"),
];

pub(super) fn events(
    scenario: &Scenario,
    story: &[Timed<Event>],
    lanes: &Lanes,
    table: &mut Words,
) -> Events {
    let mut events = Events::default();
    let mut roles = Roles::default();
    let list = lanes.list();
    let mut before = 0;
    for Timed { at_ns, event } in story {
        let kind = roles.kind(event);
        let lane = Whose::of(event).and_then(|whose| lanes.place(whose));
        let told = words(scenario, event);
        // The lane says whose it is.
        let told = match lane.and_then(|lane| told.strip_prefix(list[lane].name())) {
            Some(rest) if rest.starts_with(' ') => rest.trim().to_owned(),
            _ => told.trim().to_owned(),
        };
        events.passed.push(at_ns - before);
        before = *at_ns;
        events.lane.push(lane.map_or(-1, |lane| lane as i64));
        events.kind.push(KINDS.iter().position(|(listed, _)| *listed == kind).expect("all kinds are listed"));
        events.words.push(table.place(told));
    }
    events
}
