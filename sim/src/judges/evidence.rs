//! A failure of a history, with the operations that show it.

use crate::{
    trace::{MachineId, Operation},
    verdict::{Failure, Rule},
};

/// A failure that these operations show.
pub(super) fn broken(rule: Rule, detail: &str, operations: &[&Operation]) -> Failure {
    let lines: Vec<String> =
        operations.iter().map(|operation| format!("\n    {}", in_a_line(operation))).collect();
    let clients = operations.iter().map(|operation| MachineId::Client(operation.client));
    Failure::new(rule, clients, detail.to_owned() + &lines.concat())
}

pub(super) fn in_a_line(operation: &Operation) -> String {
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
