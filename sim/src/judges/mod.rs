//! The judges of a run's history: what clients asked, what they were told and when, and nothing else.
//!
//! | file | idea |
//! | --- | --- |
//! | `linearizability.rs` | is there an order, key by key, in which one copy of the data would have answered so? |
//! | `key_model.rs` | what one key of the store answers |
//! | `past.rs` | reads of the past tell what was written then, until it is compacted |
//! | `revisions.rs` | each write has a revision of its own, and they follow time |
//!
//! A new judge is a file here and a line in [`judge`].

mod key_model;
mod linearizability;
mod past;
mod revisions;

use std::collections::BTreeMap;

use crate::{
    trace::{Answer, Call, MachineId, Operation},
    verdict::{Failure, Rule},
};

/// Judges a history; `nodes_compact`: they do so by themselves.
///
/// # Errors
/// What has no explanation.
pub(crate) fn judge(operations: &[Operation], nodes_compact: bool) -> Result<(), Failure> {
    revisions::are_unique(operations)?;
    revisions::follow_time(operations)?;
    past::is_true(operations)?;
    past::is_compacted_as_asked(operations, nodes_compact)?;
    linearizability::judge(operations)
}

/// Operations by what their clients were told.
pub(crate) fn count(operations: &[Operation]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for operation in operations {
        let outcome = match &operation.answer {
            None => "client died",
            Some((_, Answer::Put { .. })) => "put",
            Some((_, Answer::Got { .. })) => match operation.call {
                Call::GetPast { .. } => "get of the past",
                _ => "get",
            },
            Some((_, Answer::Compacted)) => "compaction",
            Some((_, Answer::Gone)) => "compacted already",
            Some((_, Answer::Deleted { .. })) => "delete",
            Some((_, Answer::DidNotHappen(_))) => "did not happen",
            Some((_, Answer::Unknown(_))) => "unknown",
        };
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}

/// A failure that these operations show.
fn broken(rule: Rule, detail: &str, operations: &[&Operation]) -> Failure {
    let lines: Vec<String> =
        operations.iter().map(|operation| format!("\n    {}", in_a_line(operation))).collect();
    let clients = operations.iter().map(|operation| MachineId::Client(operation.client));
    Failure::new(rule, clients, detail.to_owned() + &lines.concat())
}

fn in_a_line(operation: &Operation) -> String {
    let ms = |ns: u64| ns as f64 / 1e6;
    let answer = match &operation.answer {
        None => "…  (the client died)".to_owned(),
        Some((at, answer)) => format!("{:.3} ms {answer:?}", ms(*at)),
    };
    format!(
        "client {} at {:.3} ms {:?} → {answer}",
        operation.client,
        ms(operation.called_ns),
        operation.call
    )
}
