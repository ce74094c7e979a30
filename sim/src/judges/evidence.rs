//! A failure of a history, with the operations that show it.

use conclave_checks::history::{Broken, HistoryRule, in_a_line};

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

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        let rule = match broken.rule {
            HistoryRule::Linearizable => Rule::Linearizable,
            HistoryRule::Judged => Rule::Judged,
            HistoryRule::RevisionsAreUnique => Rule::RevisionsAreUnique,
            HistoryRule::RevisionsFollowTime => Rule::RevisionsFollowTime,
            HistoryRule::CreationsAreTrue => Rule::CreationsAreTrue,
        };
        Self::new(rule, broken.clients.into_iter().map(MachineId::Client), broken.detail)
    }
}
