//! What has no explanation, with the operations that show it.

use std::fmt;

use super::Operation;
use crate::rule::rules;

rules! {
    /// What must hold of a history.
    HistoryRule:
    Linearizable, "the history of each key has a linear order", "Herlihy and Wing 1990";
    Judged, "the judge came to a verdict within its bound of steps", "Herlihy and Wing 1990";
    RevisionsAreUnique, "each write has a revision of its own", "what Conclave promises";
    RevisionsFollowTime, "a write that was answered has a lower revision than one asked for later", "what Conclave promises";
    CreationsAreTrue, "a pair tells since when its key has been there, and how many writes ago that was", "what Conclave promises";
    PastIsTrue, "reads of the past tell what was written then", "what Conclave promises";
    PagesAreTrue, "a page of a range is what was asked for of it", "what Conclave promises";
    CompactionHolds, "what is compacted cannot be read, and what nobody compacted can", "what Conclave promises";
    AlarmsHold, "while an alarm says that there is no space nothing is put; nothing else, and no put at another time, is refused for that", "what Conclave promises";
    BackupsAreWhole, "a backup that arrived whole is sound", "what Conclave promises";
    RangesAreSnapshots, "a range is the store as it was at one revision, however large it is", "what Conclave promises";
}

/// A rule that a history breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub rule: HistoryRule,
    /// The clients whose operations show it.
    pub clients: Vec<u64>,
    /// What was seen, for a reader.
    pub detail: String,
}

impl Broken {
    /// A rule that these operations break.
    pub(super) fn new(rule: HistoryRule, detail: &str, operations: &[&Operation]) -> Self {
        let lines: Vec<String> =
            operations.iter().map(|operation| format!("\n    {}", in_a_line(operation))).collect();
        let clients = operations.iter().map(|operation| operation.client).collect();
        Self { rule, clients, detail: detail.to_owned() + &lines.concat() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// An operation as a reader sees it.
pub fn in_a_line(operation: &Operation) -> String {
    let ms = |ns: u64| ns as f64 / 1e6;
    let answer = match &operation.answer {
        None => "…  (the client died)".to_owned(),
        Some((at, answer)) => format!("{:.3} ms {answer}", ms(*at)),
    };
    format!("client {} at {:.3} ms {} → {answer}", operation.client, ms(operation.called_ns), operation.call)
}
