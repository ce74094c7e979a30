//! The clients' history, judged: key by key, is there an order in which one copy of the data would have answered so?

use std::collections::BTreeMap;

use linearizability::{Evidence, Verdict, check};

use super::{
    Answer, Broken, Call, HistoryRule, Operation, in_a_line,
    key_model::{KeyAnswer, KeyCall, KeyChange, KeyModel, KeyReturn},
};

/// Steps of the search a key: a history of a run needs a few thousand; one that needs more is reported as undecided.
const STEPS_MAX: usize = 2_000_000;

type KeyOperation = linearizability::Operation<KeyCall, KeyReturn>;

pub(super) fn judge(operations: &[Operation]) -> Result<(), Broken> {
    let (kept, history) = for_search(operations);
    match check::<KeyModel>(&history, STEPS_MAX) {
        Verdict::Linearizable => Ok(()),
        Verdict::NotLinearizable(evidence) => {
            Err(unexplained(HistoryRule::Linearizable, "is not linearizable", &kept, &evidence))
        }
        Verdict::Exhausted(evidence) => {
            let what = format!("is undecided after {STEPS_MAX} steps");
            Err(unexplained(HistoryRule::Judged, &what, &kept, &evidence))
        }
    }
}

/// The history as the search takes it: without what did not happen or tells nothing. A put of unknown outcome whose value
/// somebody read did happen, some time. Those that nobody read are made equal, for the search need not tell them apart.
fn for_search(operations: &[Operation]) -> (Vec<&Operation>, Vec<KeyOperation>) {
    let read: BTreeMap<Value<'_>, Learned> = operations.iter().filter_map(value_read).collect();
    let kept = operations.iter().filter(|operation| counts(operation));
    kept.map(|operation| {
        let mut returned = returned(operation);
        let key = operation.call.key().expect("what counts is about a key");
        let change = match &operation.call {
            Call::Put { value, .. } => {
                let learned = read.get(&(key, value.as_str())).copied();
                if let Some((revision, _)) = learned {
                    returned.get_or_insert((u64::MAX, KeyReturn { revision, answer: KeyAnswer::Put }));
                }
                let value = if returned.is_some() { value.clone() } else { "(never read)".to_owned() };
                KeyChange::Put { value, learned }
            }
            Call::Get { .. } => KeyChange::Get,
            Call::Delete { .. } => KeyChange::Delete,
            Call::GetPast { .. } | Call::Compact { .. } => unreachable!("it does not count"),
        };
        let call = KeyCall { key: key.to_owned(), change };
        (operation, KeyOperation { called: operation.called_ns, returned, call })
    })
    .unzip()
}

/// What has no order: the operations of one key. All numbers are positions in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unexplained {
    /// All that concern the key.
    pub part: Vec<usize>,
    /// The longest order that explains what it holds.
    pub order: Vec<usize>,
    /// Where it ends, none of these can come next.
    pub stuck: Vec<usize>,
}

/// The part of a history that has no order; `None` if each part has one.
pub fn unexplained_part(operations: &[Operation]) -> Option<Unexplained> {
    let (kept, history) = for_search(operations);
    let Verdict::NotLinearizable(evidence) = check::<KeyModel>(&history, STEPS_MAX) else { return None };
    let places: BTreeMap<*const Operation, usize> = operations
        .iter()
        .enumerate()
        .map(|(place, operation)| (std::ptr::from_ref(operation), place))
        .collect();
    let place = |&position: &usize| places[&std::ptr::from_ref(kept[position])];
    let [part, order, stuck] = [&evidence.part, &evidence.explained, &evidence.stuck]
        .map(|positions| positions.iter().map(place).collect());
    Some(Unexplained { part, order, stuck })
}

fn unexplained(rule: HistoryRule, what: &str, operations: &[&Operation], evidence: &Evidence) -> Broken {
    let chosen = |positions: &[usize]| -> Vec<&Operation> {
        positions.iter().map(|&position| operations[position]).collect()
    };
    let key = chosen(&evidence.part).first().and_then(|operation| operation.call.key()).unwrap_or("a key");
    let explained = chosen(&evidence.explained);
    let mut detail = format!("{key} {what}: after {} operations, the last being", explained.len());
    let last = &explained[explained.len().saturating_sub(12)..];
    last.iter().for_each(|operation| detail += &format!("\n    {}", in_a_line(operation)));
    detail += "\n  none of these can come next:";
    Broken::new(rule, &detail, &chosen(&evidence.stuck))
}

/// A value of a key.
type Value<'a> = (&'a str, &'a str);
/// What a read of a value tells of the write: its revision and version.
type Learned = (i64, i64);

fn value_read(operation: &Operation) -> Option<(Value<'_>, Learned)> {
    match &operation.answer {
        Some((_, Answer::Got { found: Some(found), .. })) => {
            Some(((operation.call.key()?, &found.value), (found.mod_revision, found.version)))
        }
        _ => None,
    }
}

/// Whether it may have happened, and would be seen in the present.
fn counts(operation: &Operation) -> bool {
    if matches!(operation.call, Call::GetPast { .. } | Call::Compact { .. }) {
        return false;
    }
    match &operation.answer {
        Some((_, Answer::DidNotHappen(_))) => false,
        None | Some((_, Answer::Unknown(_))) => !matches!(operation.call, Call::Get { .. }),
        Some(_) => true,
    }
}

/// When it returned, and what; none of an unknown outcome.
fn returned(operation: &Operation) -> Option<(u64, KeyReturn)> {
    let (at, answer) = operation.answer.as_ref()?;
    let (revision, answer) = match answer {
        Answer::Put { revision } => (revision, KeyAnswer::Put),
        Answer::Deleted { revision, count } => (revision, KeyAnswer::Deleted(*count > 0)),
        Answer::Got { revision, found } => {
            let found = found.as_ref().map(|found| (found.value.clone(), found.mod_revision, found.version));
            (revision, KeyAnswer::Got(found))
        }
        Answer::Compacted | Answer::Gone | Answer::DidNotHappen(_) | Answer::Unknown(_) => return None,
    };
    Some((*at, KeyReturn { revision: *revision, answer }))
}
