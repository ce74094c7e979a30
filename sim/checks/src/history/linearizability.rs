//! The clients' history, judged: key by key, is there an order in which one copy of the data would have answered so?

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use linearizability::{Effort, Evidence, Verdict, check, check_while};

use super::{
    Answer, Broken, Call, Found, HistoryRule, Operation, in_a_line,
    key_model::{KeyAnswer, KeyCall, KeyChange, KeyModel, KeyReturn},
    view,
};

/// Steps of the search a key: a history of a run needs a few thousand; one that needs more is reported as undecided.
const STEPS_MAX: usize = 2_000_000;

type KeyOperation = linearizability::Operation<KeyCall, KeyReturn>;

/// As far as a run's history needs.
pub(super) fn is_within_steps(effort: Effort) -> bool {
    effort.steps <= STEPS_MAX
}

pub(super) fn judge(operations: &[Operation], goes_on: &mut dyn FnMut(Effort) -> bool) -> Result<(), Broken> {
    let (kept, history) = for_search(operations);
    let mut steps = 0;
    let verdict = check_while::<KeyModel>(&history, &mut |effort| {
        steps = effort.steps;
        goes_on(effort)
    });
    match verdict {
        Verdict::Linearizable => Ok(()),
        Verdict::NotLinearizable(evidence) => {
            let broken = unexplained(HistoryRule::Linearizable, "is not linearizable", &kept, &evidence);
            let stuck = evidence.stuck.iter().map(|&position| kept[position]);
            let reads: BTreeSet<usize> = stuck.filter_map(|write| first_read_of(operations, write)).collect();
            let lines = reads.into_iter().map(|read| format!("\n    {}", in_a_line(&operations[read])));
            let lines: Vec<String> = lines.collect();
            let read = if lines.is_empty() { "" } else { "\n  this read tells otherwise of them:" };
            Err(Broken { detail: broken.detail + read + &lines.concat(), ..broken })
        }
        Verdict::Exhausted(evidence) => {
            let what = format!("is undecided after {steps} steps");
            Err(unexplained(HistoryRule::Judged, &what, &kept, &evidence))
        }
    }
}

/// The history as the search takes it, key by key: without what did not happen or tells nothing. A put of unknown outcome whose
/// value somebody read did happen, some time. Those that nobody read are made equal, for the search need not tell them apart.
fn for_search(operations: &[Operation]) -> (Vec<&Operation>, Vec<KeyOperation>) {
    let keys: BTreeSet<&str> = operations.iter().filter_map(|operation| operation.call.key()).collect();
    let read: BTreeMap<Value<'_>, Learned> = operations.iter().flat_map(values_read).collect();
    let kept = operations.iter().filter(|operation| counts(operation));
    let parts = kept.flat_map(|operation| {
        let keys = match (operation.call.key(), operation.call.span()) {
            (Some(key), _) => vec![key],
            (None, Some((from, to))) if from < to => {
                keys.range::<str, _>((Bound::Included(from), Bound::Excluded(to))).copied().collect()
            }
            _ => Vec::new(),
        };
        let read = &read;
        keys.into_iter().map(move |key| (operation, key_operation(operation, key, read)))
    });
    parts.unzip()
}

/// What an operation asks of one of its keys, and is told of it.
fn key_operation(operation: &Operation, key: &str, read: &BTreeMap<Value<'_>, Learned>) -> KeyOperation {
    let mut returned = returned(operation, key);
    let change = match operation.call.puts() {
        Some((_, value)) => {
            let learned = read.get(&(key, value)).copied();
            if let Some((revision, _)) = learned {
                let told = KeyReturn { revision, before: revision - 1, answer: KeyAnswer::Put };
                returned.get_or_insert((u64::MAX, told));
            }
            let value = if returned.is_some() { value.to_owned() } else { "(never read)".to_owned() };
            KeyChange::Put { value, learned }
        }
        None if operation.call.is_delete() => KeyChange::Delete,
        None => KeyChange::Get,
    };
    let call = KeyCall { key: key.to_owned(), change };
    KeyOperation { called: operation.called_ns, returned, call }
}

/// What has no order: the operations of one key. All numbers are positions in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unexplained {
    /// All that concern the key.
    pub part: Vec<usize>,
    /// The longest order that explains what it holds.
    pub order: Vec<usize>,
    /// Where it ends, each of these leads nowhere, or contradicts it.
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
    let part = chosen(&evidence.part);
    let key = part.iter().find_map(|operation| operation.call.key()).unwrap_or("a key");
    let explained = chosen(&evidence.explained);
    let mut detail = format!("{key} {what}:");
    let last = &explained[explained.len().saturating_sub(12)..];
    if !last.is_empty() {
        detail += &format!(" after {} operations, the last being", explained.len());
        last.iter().for_each(|operation| detail += &format!("\n    {}", in_a_line(operation)));
        detail += "\n ";
    }
    detail += " each of these leads nowhere:";
    Broken::new(rule, &detail, &chosen(&evidence.stuck))
}

/// The first operation that shows what this one wrote, with the revision and the version that the write has.
pub fn first_read_of(operations: &[Operation], write: &Operation) -> Option<usize> {
    let written = write.call.puts()?;
    operations.iter().position(|operation| values_read(operation).any(|(read, _)| read == written))
}

/// A value of a key.
type Value<'a> = (&'a str, &'a str);
/// What a read of a value tells of the write: its revision and version.
type Learned = (i64, i64);

/// The values that an answer shows, whatever it is an answer to.
fn values_read(operation: &Operation) -> impl Iterator<Item = (Value<'_>, Learned)> {
    let found = view(operation).map(|view| view.found).unwrap_or_default();
    found.into_iter().map(|(key, found)| ((key, found.value.as_str()), (found.mod_revision, found.version)))
}

/// Whether it may have happened, and would be seen in the present.
fn counts(operation: &Operation) -> bool {
    let is_write = match &operation.call {
        Call::GetPast { .. }
        | Call::Compact { .. }
        | Call::Alarm { .. }
        | Call::RangeOfAny { .. }
        | Call::Page { .. }
        | Call::Range { revision: 1.., .. } => {
            return false;
        }
        call => call.puts().is_some() || call.is_delete(),
    };
    match &operation.answer {
        Some((_, Answer::DidNotHappen(_) | Answer::Broken(_))) => false,
        None | Some((_, Answer::Unknown(_))) => is_write,
        Some(_) => true,
    }
}

/// When it returned, and what of this key; none of an unknown outcome.
fn returned(operation: &Operation, key: &str) -> Option<(u64, KeyReturn)> {
    let (at, answer) = operation.answer.as_ref()?;
    let of_pair = |found: &Found| (found.value.clone(), found.mod_revision, found.version);
    let of_key =
        |pairs: &[(String, Found)]| pairs.iter().find(|(of, _)| of == key).map(|(_, found)| of_pair(found));
    let revision = answer.revision();
    let key_answer = match answer {
        Answer::Put { .. } => KeyAnswer::Put,
        Answer::Replaced { previous, .. } => KeyAnswer::Replaced(previous.as_ref().map(of_pair)),
        Answer::Deleted { count, .. } => KeyAnswer::Deleted(Some(*count > 0)),
        Answer::RangeDeleted { count: 0, .. } => KeyAnswer::Deleted(Some(false)),
        Answer::RangeDeleted { previous, .. } => {
            KeyAnswer::Deleted(previous.as_ref().map(|previous| of_key(previous).is_some()))
        }
        Answer::Got { found, .. } => KeyAnswer::Got(found.as_ref().map(of_pair)),
        Answer::Ranged { found, .. } => KeyAnswer::Got(of_key(found)),
        Answer::Paged { .. }
        | Answer::Compacted
        | Answer::Alarmed
        | Answer::Gone
        | Answer::Broken(_)
        | Answer::DidNotHappen(_)
        | Answer::Unknown(_) => {
            return None;
        }
    };
    let before = revision - i64::from(answer.written().is_some());
    Some((*at, KeyReturn { revision, before, answer: key_answer }))
}
