//! An event in words.

use std::fmt;

use conclave_checks::Timed;

use crate::{
    scenario::Scenario,
    trace::{
        ClientEvent, Condition, Event, FaultEvent, Flooded, LargeEvent, MachineEvent, MachineId,
        OperatorEvent, Phase,
    },
};

/// More conditions than this are counted, not listed.
const CONDITIONS_LISTED_MAX: usize = 4;

/// An event of a run of this scenario, in a line.
pub(crate) fn line(scenario: &Scenario, Timed { at_ns, event }: &Timed<Event>) -> String {
    at(*at_ns, &words(scenario, event))
}

/// What happened, with its time, in a line.
pub(crate) fn at(at_ns: u64, words: &str) -> String {
    format!("{:>10.3} ms  {words}", at_ns as f64 / 1e6)
}

/// The same without its time.
pub(super) fn words(scenario: &Scenario, event: &Event) -> String {
    Told { scenario, event }.to_string()
}

struct Told<'a> {
    scenario: &'a Scenario,
    event: &'a Event,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event {
            Event::Phase(phase) => write!(f, "── {} ──", phase_in_words(*phase)),
            Event::Healed { machines, stays } => {
                let healed: Vec<String> = machines.iter().map(MachineId::to_string).collect();
                write!(f, "✓ healed: {}", healed.join(", "))?;
                if stays.is_empty() { Ok(()) } else { write!(f, "; {}", listed(stays)) }
            }
            Event::Fault { fault, event } => {
                let fault = &self.scenario.faults[*fault].fault;
                match event {
                    FaultEvent::Waits(moment) => write!(f, "… it waits until {moment}: {fault}"),
                    FaultEvent::Met { node: Some(node) } => {
                        write!(f, "  so it is now, at node {node}: {fault}")
                    }
                    FaultEvent::Met { node: None } => write!(f, "  so it is now: {fault}"),
                    FaultEvent::Waited => write!(f, "  it has waited in vain: {fault}"),
                    FaultEvent::Struck => write!(f, "✗ {fault}"),
                    FaultEvent::Missed => f.write_str("  it finds nothing to strike"),
                    FaultEvent::Holds(conditions) => write!(f, "  {}", listed(conditions)),
                    FaultEvent::Healed => write!(f, "✓ healed: {fault}"),
                }
            }
            Event::Aimed { node: Some(node) } => write!(f, "  it aims at node {node}"),
            Event::Aimed { node: None } => f.write_str("  it aims at nobody"),
            Event::Machine { machine, event } => match event {
                MachineEvent::Started => write!(f, "{machine}   is started"),
                MachineEvent::Killed => write!(f, "{machine}   is killed"),
                MachineEvent::LostPower => write!(f, "{machine}   loses power"),
                MachineEvent::ToldToStop => write!(f, "{machine}   is told to stop"),
                MachineEvent::Ended => write!(f, "{machine}   ended"),
                MachineEvent::Failed { error } => write!(f, "{machine}   failed: {error}"),
            },
            Event::Core(event) => event.fmt(f),
            Event::Client { client, event: ClientEvent::Called(call), .. } => {
                write!(f, "client {client} ▶ {call}")
            }
            Event::Client { client, event: ClientEvent::Answered(answer), .. } => {
                write!(f, "client {client} ◀ {answer}")
            }
            Event::Large(event) => large_in_words(f, event),
            Event::Operator { change, event } => match event {
                OperatorEvent::Asked => write!(f, "operator ▶ {change}"),
                OperatorEvent::Done => write!(f, "operator ◀ done: {change}"),
                OperatorEvent::Refused { error } => write!(f, "operator ◀ refused: {change}: {error}"),
                OperatorEvent::GivenUp => write!(f, "operator ◀ given up: {change}"),
            },
        }
    }
}

fn large_in_words(f: &mut fmt::Formatter<'_>, event: &LargeEvent) -> fmt::Result {
    match event {
        LargeEvent::Writes { write, key } => write!(f, "large values ▶ write {write} to key {key}"),
        LargeEvent::Wrote { write, revision } => {
            write!(f, "large values ◀ write {write} has revision {revision}")
        }
        LargeEvent::DidNotWrite { write } => write!(f, "large values ◀ write {write} did not happen"),
        LargeEvent::MayHaveWritten { write } => write!(f, "large values ◀ write {write} may have happened"),
        LargeEvent::Read { asked, revision, parts, .. } => {
            write!(f, "large values ◀ {} pairs as of revision {revision}, to {asked}", parts.len())
        }
        LargeEvent::Refused => f.write_str("large values ◀ more than a limit"),
        LargeEvent::DidNotRead { error } => write!(f, "large values ◀ {error}"),
        LargeEvent::Flooded(Flooded { answered, refused, failed }) => {
            write!(f, "client of a flood: {answered} calls answered, {refused} refused, {failed} failed")
        }
    }
}

pub(super) fn phase_in_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Chaos => "chaos",
        Phase::Ending => "a core is healed, and must get on alone",
        Phase::Recovery => "everything is healed",
        Phase::Judgement => "the history is judged",
    }
}

fn listed(conditions: &[Condition]) -> String {
    if conditions.len() > CONDITIONS_LISTED_MAX {
        return format!("{} conditions hold, such as: {}", conditions.len(), conditions[0]);
    }
    let each: Vec<String> = conditions.iter().map(Condition::to_string).collect();
    each.join(", ")
}
