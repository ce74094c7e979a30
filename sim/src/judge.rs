//! The clients' history, judged: key by key, is there an order that one copy of the data would have answered so?

use std::collections::BTreeMap;

use crate::{
    history::{Answer, Call, Operation},
    linearizability::{self, KeyCall, KeyModel, KeyReturn, Verdict},
    verdict::{Class, Failure},
};

/// Steps of the search a key: a history of a run needs a few thousand; one that needs more is reported as undecided.
const STEPS_MAX: usize = 2_000_000;

type KeyOperation = linearizability::Operation<KeyCall, KeyReturn>;

/// Judges a history.
///
/// # Errors
/// What has no explanation.
pub fn judge(operations: &[Operation]) -> Result<(), Failure> {
    revisions_are_unique_and_grow(operations)?;
    let mut keys: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        keys.entry(operation.key()).or_default().push(operation);
    }
    for (key, operations) in keys {
        let (kept, history): (Vec<&Operation>, Vec<KeyOperation>) =
            operations.iter().filter_map(|operation| Some((*operation, for_search(operation)?))).unzip();
        match linearizability::check::<KeyModel>(&history, STEPS_MAX) {
            Verdict::Linearizable => {}
            Verdict::NotLinearizable { explained, stuck } => {
                return Err(unexplained(key, &kept, &explained, &stuck));
            }
            Verdict::Exhausted { explained } => {
                let what = format!(
                    "{key}: undecided after {STEPS_MAX} steps, {} operations explained",
                    explained.len()
                );
                return Err(Failure { class: Class::Linearizability, what });
            }
        }
    }
    Ok(())
}

/// Writes that change something have revisions of their own, in the order of time.
fn revisions_are_unique_and_grow(operations: &[Operation]) -> Result<(), Failure> {
    let mut writes: Vec<(i64, &Operation)> =
        operations.iter().filter_map(|op| Some((op.write_revision()?, op))).collect();
    writes.sort_by_key(|(revision, _)| *revision);
    let mut latest_call = 0;
    for pair in writes.windows(2) {
        if pair[0].0 == pair[1].0 {
            return Err(broken(format!("two writes have revision {}", pair[0].0), &[pair[0].1, pair[1].1]));
        }
    }
    // By falling revision no write may have been answered before one of a lower revision was asked for.
    for (revision, operation) in &writes {
        let Some((answered, _)) = operation.answer else { continue };
        if answered < latest_call {
            return Err(broken(
                format!("revision {revision} was answered before a lower one was asked for"),
                &[operation],
            ));
        }
        latest_call = latest_call.max(operation.called_ns);
    }
    Ok(())
}

/// What the search needs of an operation; none of one that did not happen, or that tells nothing.
fn for_search(operation: &Operation) -> Option<KeyOperation> {
    let call = match &operation.call {
        Call::Put { value, .. } => KeyCall::Put(value.clone()),
        Call::Get { .. } => KeyCall::Get,
        Call::Delete { .. } => KeyCall::Delete,
    };
    let returned = match &operation.answer {
        None | Some((_, Answer::Unknown(_))) if call == KeyCall::Get => return None,
        None | Some((_, Answer::Unknown(_))) => None,
        Some((_, Answer::DidNotHappen(_))) => return None,
        Some((at, Answer::Put { revision })) => Some((*at, KeyReturn::Put(*revision))),
        Some((at, Answer::Deleted { count, .. })) => Some((*at, KeyReturn::Deleted(*count > 0))),
        Some((at, Answer::Got { found, .. })) => {
            let found = found.as_ref().map(|found| (found.value.clone(), found.mod_revision, found.version));
            Some((*at, KeyReturn::Got(found)))
        }
    };
    Some(KeyOperation { called: operation.called_ns, returned, call })
}

fn unexplained(key: &str, operations: &[&Operation], explained: &[usize], stuck: &[usize]) -> Failure {
    let last: Vec<&Operation> =
        explained.iter().rev().take(3).rev().map(|&number| operations[number]).collect();
    let stuck: Vec<&Operation> = stuck.iter().map(|&number| operations[number]).collect();
    let mut what = format!("{key} is not linearizable: after {} operations, the last being", explained.len());
    last.iter().for_each(|operation| what += &format!("\n    {}", operation.in_a_line()));
    what += "\n  none of these can come next:";
    stuck.iter().for_each(|operation| what += &format!("\n    {}", operation.in_a_line()));
    Failure { class: Class::Linearizability, what }
}

fn broken(what: String, operations: &[&Operation]) -> Failure {
    let lines: Vec<String> =
        operations.iter().map(|operation| format!("\n    {}", operation.in_a_line())).collect();
    Failure { class: Class::Linearizability, what: what + &lines.concat() }
}

/// Operations by what their clients were told.
pub fn count(operations: &[Operation]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for operation in operations {
        let outcome = match &operation.answer {
            None => "client died",
            Some((_, Answer::Put { .. })) => "put",
            Some((_, Answer::Got { .. })) => "get",
            Some((_, Answer::Deleted { .. })) => "delete",
            Some((_, Answer::DidNotHappen(_))) => "did not happen",
            Some((_, Answer::Unknown(_))) => "unknown",
        };
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}

impl Operation {
    fn key(&self) -> &str {
        match &self.call {
            Call::Put { key, .. } | Call::Get { key } | Call::Delete { key } => key,
        }
    }

    /// The revision that this write made, if it is known to have made one.
    fn write_revision(&self) -> Option<i64> {
        match &self.answer {
            Some((_, Answer::Put { revision })) => Some(*revision),
            Some((_, Answer::Deleted { revision, count: 1.. })) => Some(*revision),
            _ => None,
        }
    }

    fn in_a_line(&self) -> String {
        let ms = |ns: u64| ns as f64 / 1e6;
        let answer = match &self.answer {
            None => "…  (the client died)".to_owned(),
            Some((at, answer)) => format!("{:.3} ms {answer:?}", ms(*at)),
        };
        format!("client {} at {:.3} ms {:?} → {answer}", self.client, ms(self.called_ns), self.call)
    }
}
