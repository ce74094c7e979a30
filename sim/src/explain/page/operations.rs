//! Operations as bars, with what came of them: those of clients by their numbers, then large writes and what operators asked for.

use conclave_checks::Timed;
use serde::Serialize;

use super::lanes::{Lanes, Whose};
use crate::trace::{Answer, Call, Event, LargeEvent, Operation, OperatorEvent};

#[derive(Debug, Serialize)]
pub(super) struct Bar {
    lane: usize,
    pub(super) from: u64,
    /// None: there was no answer.
    pub(super) to: Option<u64>,
    key: Option<String>,
    pub(super) asked: String,
    pub(super) told: String,
    outcome: Outcome,
    /// The revision of what the key held then, as the client was told; 0: it held nothing.
    content: Option<i64>,
}

/// How it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Read,
    Wrote,
    DidNotHappen,
    Unknown,
    /// Nobody waited for the answer any more.
    Unanswered,
}

/// Each operation of a client has the place of its number.
pub(super) fn bars(operations: &[Operation], story: &[Timed<Event>], lanes: &Lanes) -> Vec<Bar> {
    let mut bars: Vec<Bar> = operations.iter().map(|operation| of_client(operation, lanes)).collect();
    for Timed { at_ns, event } in story {
        match event {
            Event::Large(event) => large(&mut bars, *at_ns, event, lanes),
            Event::Operator { change, event } => {
                let asked = change.to_string();
                let (told, outcome) = match event {
                    OperatorEvent::Asked => {
                        bars.extend(open(lanes.place(Whose::Operators), *at_ns, asked));
                        continue;
                    }
                    OperatorEvent::Done => ("done".to_owned(), Outcome::Wrote),
                    OperatorEvent::Refused { error } => (format!("refused: {error}"), Outcome::DidNotHappen),
                    OperatorEvent::GivenUp => ("given up".to_owned(), Outcome::Unknown),
                };
                close(&mut bars, *at_ns, &asked, told, outcome);
            }
            _ => {}
        }
    }
    bars
}

fn of_client(operation: &Operation, lanes: &Lanes) -> Bar {
    let Operation { client, called_ns, call, answer } = operation;
    let (told, outcome) = match answer {
        None => ("no answer: the client died, or the run ended".to_owned(), Outcome::Unanswered),
        Some((_, answer)) => (answer.to_string(), Outcome::of(answer)),
    };
    let content = match answer {
        Some((
            _,
            Answer::Put { revision }
            | Answer::Replaced { revision, .. }
            | Answer::Deleted { revision, count: 1.. },
        )) => Some(*revision),
        Some((_, Answer::Got { found, .. })) if !matches!(call, Call::GetPast { .. }) => {
            Some(found.as_ref().map_or(0, |found| found.mod_revision))
        }
        _ => None,
    };
    Bar {
        content,
        lane: lanes.place(Whose::client(*client)).unwrap_or_default(),
        from: *called_ns,
        to: answer.as_ref().map(|(at_ns, _)| *at_ns),
        key: call.key().map(str::to_owned),
        asked: call.to_string(),
        told,
        outcome,
    }
}

impl Outcome {
    fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Got { .. } | Answer::Ranged { .. } | Answer::Paged { .. } => Self::Read,
            Answer::Broken(_) | Answer::Gone => Self::Read,
            Answer::Put { .. } | Answer::Deleted { .. } | Answer::Replaced { .. } => Self::Wrote,
            Answer::RangeDeleted { .. } | Answer::Compacted | Answer::Alarmed => Self::Wrote,
            Answer::DidNotHappen(_) => Self::DidNotHappen,
            Answer::Unknown(_) => Self::Unknown,
        }
    }
}

fn large(bars: &mut Vec<Bar>, at_ns: u64, event: &LargeEvent, lanes: &Lanes) {
    let name = |write: &u64| format!("large write {write}");
    match event {
        LargeEvent::Writes { write, .. } => bars.extend(open(lanes.place(Whose::Large), at_ns, name(write))),
        LargeEvent::Wrote { write, revision } => {
            close(bars, at_ns, &name(write), format!("done, revision {revision}"), Outcome::Wrote);
        }
        LargeEvent::DidNotWrite { write } => {
            close(bars, at_ns, &name(write), "did not happen".to_owned(), Outcome::DidNotHappen);
        }
        LargeEvent::MayHaveWritten { write } => {
            close(bars, at_ns, &name(write), "may have happened".to_owned(), Outcome::Unknown);
        }
        _ => {}
    }
}

fn open(lane: Option<usize>, from: u64, asked: String) -> Option<Bar> {
    let (told, outcome) = ("no answer when the run ended".to_owned(), Outcome::Unanswered);
    Some(Bar { lane: lane?, from, to: None, key: None, asked, told, outcome, content: None })
}

/// The answer to the latest of those that asked for this.
fn close(bars: &mut [Bar], at_ns: u64, asked: &str, told: String, outcome: Outcome) {
    let bar = bars.iter_mut().rev().find(|bar| bar.to.is_none() && bar.key.is_none() && bar.asked == asked);
    if let Some(bar) = bar {
        (bar.to, bar.told, bar.outcome) = (Some(at_ns), told, outcome);
    }
}
