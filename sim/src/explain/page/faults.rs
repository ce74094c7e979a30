//! Faults as intervals, and what they made true of each machine meanwhile.

use std::collections::BTreeMap;

use conclave_checks::Timed;
use serde::Serialize;

use super::lanes::Lanes;
use crate::{
    scenario::Scenario,
    trace::{Condition, Event, FaultEvent, Phase},
};

#[derive(Debug, Serialize)]
pub(super) struct FaultInterval {
    /// Its place in the scenario.
    number: usize,
    from: u64,
    to: u64,
    name: &'static str,
    words: String,
    lanes: Vec<usize>,
}

/// Something that is wrong with a machine for a while.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Wrong {
    lane: usize,
    from: u64,
    to: u64,
    /// How it is drawn.
    class: &'static str,
    words: String,
    /// The place of the fault that did it; none if the ending of the run did.
    fault: Option<usize>,
}

/// What is on at present: who did it, what it is, and since when.
type Open = Vec<(Option<usize>, Condition, u64)>;

/// Each fault that struck, by its place in the scenario, and what was wrong.
pub(super) fn faults(
    scenario: &Scenario,
    story: &[Timed<Event>],
    lanes: &Lanes,
    end_ns: u64,
) -> (Vec<FaultInterval>, Vec<Wrong>) {
    let mut intervals = BTreeMap::<usize, FaultInterval>::new();
    let mut open = Open::new();
    let mut closed = Vec::new();
    let mut close = |open: &mut Open, at_ns: u64, ends: &dyn Fn(Option<usize>, &Condition) -> bool| {
        let (ending, staying) = open.drain(..).partition(|(fault, condition, _)| ends(*fault, condition));
        *open = staying;
        let ending: Open = ending;
        closed.extend(ending.into_iter().map(|(fault, condition, from)| (fault, condition, from, at_ns)));
    };
    for Timed { at_ns, event } in story {
        match event {
            Event::Fault { fault, event: FaultEvent::Struck } => {
                let it = &scenario.faults[*fault].fault;
                let (name, words) = (it.name(), it.to_string());
                let (number, from) = (*fault, *at_ns);
                let interval = FaultInterval { number, from, to: end_ns, name, words, lanes: vec![] };
                intervals.insert(number, interval);
            }
            Event::Fault { fault, event: FaultEvent::Holds(conditions) } => {
                open.extend(conditions.iter().map(|condition| (Some(*fault), *condition, *at_ns)));
                let mut about: Vec<usize> = conditions.iter().flat_map(|it| machines(it, lanes)).collect();
                about.sort_unstable();
                about.dedup();
                intervals.entry(*fault).and_modify(|interval| interval.lanes = about);
            }
            Event::Fault { fault, event: FaultEvent::Healed } => {
                intervals.entry(*fault).and_modify(|interval| interval.to = *at_ns);
                close(&mut open, *at_ns, &|of, _| of == Some(*fault));
            }
            Event::Healed { stays, .. } => {
                close(&mut open, *at_ns, &|_, condition| !stays.contains(condition));
                let is_new = |stay: &&Condition| open.iter().all(|(_, condition, _)| condition != *stay);
                let added: Vec<Condition> = stays.iter().filter(is_new).copied().collect();
                open.extend(added.into_iter().map(|condition| (None, condition, *at_ns)));
            }
            Event::Phase(Phase::Recovery) => close(&mut open, *at_ns, &|_, _| true),
            _ => {}
        }
    }
    close(&mut open, end_ns, &|_, _| true);
    (intervals.into_values().collect(), wrong(&closed, lanes))
}

/// One interval for all conditions of a class that a fault makes true of a machine at a time.
fn wrong(closed: &[(Option<usize>, Condition, u64, u64)], lanes: &Lanes) -> Vec<Wrong> {
    let mut together = BTreeMap::<_, Vec<Condition>>::new();
    for (fault, condition, from, to) in closed {
        for lane in machines(condition, lanes) {
            let key = (lane, *from, *to, class(condition), *fault);
            together.entry(key).or_default().push(*condition);
        }
    }
    let wrong = together.into_iter().map(|((lane, from, to, class, fault), conditions)| {
        let words = in_words(&conditions, lane, lanes);
        Wrong { lane, from, to, class, words, fault }
    });
    wrong.collect()
}

/// What is wrong with a lane; of its lines, to and from whom.
fn in_words(conditions: &[Condition], lane: usize, lanes: &Lanes) -> String {
    let mut words = Vec::new();
    let (mut there, mut back) = (BTreeMap::<_, Vec<String>>::new(), BTreeMap::<_, Vec<String>>::new());
    for condition in conditions {
        match condition.line() {
            None => words.push(condition.to_string()),
            Some((from, to)) if lanes.machine(from) == Some(lane) => {
                there.entry(of_lines(condition)).or_default().push(to.to_string());
            }
            Some((from, _)) => back.entry(of_lines(condition)).or_default().push(from.to_string()),
        }
    }
    for (what, peers) in &there {
        let both = back.get(what) == Some(peers);
        let way = if both { "to and from" } else { "to" };
        words.push(format!("{what} {way} {}", peers.join(", ")));
    }
    for (what, peers) in &back {
        if there.get(what) != Some(peers) {
            words.push(format!("{what} from {}", peers.join(", ")));
        }
    }
    words.join("; ")
}

fn of_lines(condition: &Condition) -> &'static str {
    match condition {
        Condition::Cut { .. } => "no way",
        Condition::Flapping { .. } => "no way now and then",
        Condition::Refused { .. } => "connections refused",
        Condition::PoorLine { .. } => "a poor line",
        _ => "messages astray",
    }
}

/// The lanes that a condition is about.
fn machines(condition: &Condition, lanes: &Lanes) -> Vec<usize> {
    let ends = condition.line().into_iter().flat_map(|(from, to)| [from, to]);
    ends.chain(condition.machine()).filter_map(|machine| lanes.machine(machine)).collect()
}

fn class(condition: &Condition) -> &'static str {
    match condition {
        Condition::Down(_) | Condition::DownOnceItDies(_) | Condition::DiesAgain { .. } => "down",
        Condition::Foreign(_) => "foreign",
        Condition::Paused(_) | Condition::Suspended(_) => "paused",
        Condition::Cut { .. } | Condition::Refused { .. } | Condition::Flapping { .. } => "cut",
        Condition::PoorLine { .. } | Condition::Astray { .. } => "poor",
        Condition::ClockDrift { .. } | Condition::ClockSkew { .. } => "clock",
        Condition::SlowDisk { .. }
        | Condition::StalledDisk(_)
        | Condition::FailingDisk { .. }
        | Condition::Compacts(_) => "disk",
        Condition::SlowLink { .. } | Condition::SlowNetwork { .. } | Condition::Flood { .. } => "slow",
    }
}
