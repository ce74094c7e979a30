//! The clients' history, judged: key by key, is there an order that one copy of the data would have answered so?

use std::collections::BTreeMap;

use crate::{
    history::{Answer, Call, Operation},
    linearizability::{self, KeyAnswer, KeyCall, KeyModel, KeyReturn, Verdict},
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
        let (kept, history) = for_search(&operations);
        match linearizability::check::<KeyModel>(&history, STEPS_MAX) {
            Verdict::Linearizable => {}
            Verdict::NotLinearizable { explained, stuck } => {
                return Err(unexplained(&format!("{key} is not linearizable"), &kept, &explained, &stuck));
            }
            Verdict::Exhausted { explained, stuck } => {
                let what = format!("{key} is undecided after {STEPS_MAX} steps");
                return Err(unexplained(&what, &kept, &explained, &stuck));
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

/// The history of one key as the search takes it: without what did not happen or tells nothing. A put of unknown
/// outcome whose value somebody read did happen, some time. Those that nobody read are made equal, for the search
/// need not tell them apart.
fn for_search<'a>(operations: &[&'a Operation]) -> (Vec<&'a Operation>, Vec<KeyOperation>) {
    let read: BTreeMap<&str, (i64, i64)> =
        operations.iter().filter_map(|operation| operation.value_read()).collect();
    let kept = operations.iter().filter(|operation| operation.counts());
    kept.map(|operation| {
        let mut returned = operation.returned();
        let call = match &operation.call {
            Call::Put { value, .. } => {
                let learned = read.get(value.as_str()).copied();
                if let Some((revision, _)) = learned {
                    returned.get_or_insert((u64::MAX, KeyReturn { revision, answer: KeyAnswer::Put }));
                }
                let value = if returned.is_some() { value.clone() } else { "(never read)".to_owned() };
                KeyCall::Put { value, learned }
            }
            Call::Get { .. } => KeyCall::Get,
            Call::Delete { .. } => KeyCall::Delete,
        };
        (*operation, KeyOperation { called: operation.called_ns, returned, call })
    })
    .unzip()
}

fn unexplained(what: &str, operations: &[&Operation], explained: &[usize], stuck: &[usize]) -> Failure {
    let last: Vec<&Operation> =
        explained.iter().rev().take(12).rev().map(|&number| operations[number]).collect();
    let stuck: Vec<&Operation> = stuck.iter().map(|&number| operations[number]).collect();
    let mut what = format!("{what}: after {} operations, the last being", explained.len());
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

    fn value_read(&self) -> Option<(&str, (i64, i64))> {
        match &self.answer {
            Some((_, Answer::Got { found: Some(found), .. })) => {
                Some((&found.value, (found.mod_revision, found.version)))
            }
            _ => None,
        }
    }

    /// Whether it may have happened, and would be seen.
    fn counts(&self) -> bool {
        match &self.answer {
            Some((_, Answer::DidNotHappen(_))) => false,
            None | Some((_, Answer::Unknown(_))) => !matches!(self.call, Call::Get { .. }),
            Some(_) => true,
        }
    }

    /// When it returned, and what; none of an unknown outcome.
    fn returned(&self) -> Option<(u64, KeyReturn)> {
        let (at, answer) = self.answer.as_ref()?;
        let (revision, answer) = match answer {
            Answer::Put { revision } => (revision, KeyAnswer::Put),
            Answer::Deleted { revision, count } => (revision, KeyAnswer::Deleted(*count > 0)),
            Answer::Got { revision, found } => {
                let found =
                    found.as_ref().map(|found| (found.value.clone(), found.mod_revision, found.version));
                (revision, KeyAnswer::Got(found))
            }
            Answer::DidNotHappen(_) | Answer::Unknown(_) => return None,
        };
        Some((*at, KeyReturn { revision: *revision, answer }))
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
