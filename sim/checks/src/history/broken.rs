//! What has no explanation, with the operations that show it.

use std::fmt;

use super::Operation;

/// What must hold of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryRule {
    /// The history of each key has a linear order.
    Linearizable,
    /// The judge came to a verdict within its bound of steps.
    Judged,
    /// Each write has a revision of its own.
    RevisionsAreUnique,
    /// A write that was answered has a lower revision than one asked for later.
    RevisionsFollowTime,
    /// A pair tells since when its key has been there.
    CreationsAreTrue,
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
