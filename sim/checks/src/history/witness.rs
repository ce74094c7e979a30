//! The order that answers claim, verified across all keys: revisions are places in it.
//!
//! The search for an order key by key knows nothing of other keys; this knows that whoever reads at one revision has seen
//! the end of all writes before it, whatever key they were of.

use linearizability::{
    Contradiction, Testimony, check_witnessed,
    kv::{Kv, KvAnswer, KvCall, KvReturn, Pair},
};

use super::{Answer, Broken, Call, HistoryRule, Operation};

/// Operations that are placed again for each that there is. What is left undecided then is left to the search.
const PLACED_AGAIN: usize = 4;

type KvOperation = linearizability::Operation<KvCall, KvReturn>;

/// What was after the first delete of a range is left to the other judges: the model deletes one key at a time.
pub(super) fn judge(operations: &[Operation]) -> Result<(), Broken> {
    let beginning = Beginning::of(operations);
    let counted = operations.iter().filter(|it| beginning.includes(it));
    let counted = counted.filter_map(|it| Some((it, for_witness(it)?)));
    let (kept, mut history): (Vec<&Operation>, Vec<KvOperation>) = counted.unzip();
    history.extend(of_others(&history));
    match check_witnessed::<Kv>(&history, PLACED_AGAIN * history.len() + 1) {
        Testimony::Linearizable | Testimony::Undecided(_) => Ok(()),
        Testimony::Contradicted(Contradiction { operation, reason, by, .. }) => {
            let shown: Vec<&Operation> =
                [Some(operation), by].into_iter().flatten().filter_map(|it| kept.get(it).copied()).collect();
            let detail = format!("its place by its revision cannot be: {reason}");
            Err(Broken::new(HistoryRule::Linearizable, &detail, &shown))
        }
    }
}

/// The history before any range was deleted: up to the latest revision that was known when that was first asked for. Whatever it did has a
/// later one.
struct Beginning {
    revision: i64,
    until_ns: u64,
}

impl Beginning {
    fn of(operations: &[Operation]) -> Self {
        let deletes = operations.iter().filter(|it| matches!(it.call, Call::DeleteRange { .. }));
        let Some(until_ns) = deletes.map(|it| it.called_ns).min() else {
            return Self { revision: i64::MAX, until_ns: u64::MAX };
        };
        let answers = operations.iter().filter_map(|it| it.answer.as_ref());
        let known = answers.filter(|(at, _)| *at < until_ns).map(|(_, answer)| answer.revision());
        Self { revision: known.max().unwrap_or(0), until_ns }
    }

    /// Whether all of it is there, or it may be.
    fn includes(&self, operation: &Operation) -> bool {
        match &operation.answer {
            None | Some((_, Answer::Unknown(_))) => operation.called_ns < self.until_ns,
            Some((_, answer)) => answer.revision() <= self.revision,
        }
    }
}

/// An operation as the witness takes it; none of what did not happen, tells nothing, or is not about the present.
fn for_witness(operation: &Operation) -> Option<KvOperation> {
    let call = match &operation.call {
        Call::Put { key, value } | Call::Replace { key, value } => {
            KvCall::Put(key.as_str().into(), value.as_str().into())
        }
        Call::Delete { key } => KvCall::Delete(key.as_str().into()),
        Call::Get { key } => KvCall::Get(key.as_str().into()),
        _ => return None,
    };
    let called = operation.called_ns;
    let (at, (revision, answer)) = match &operation.answer {
        Some((at, Answer::Put { revision } | Answer::Replaced { revision, .. })) => {
            (*at, (*revision, KvAnswer::Put))
        }
        Some((at, Answer::Deleted { revision, count })) => (*at, (*revision, KvAnswer::Deleted(*count > 0))),
        Some((at, Answer::Got { revision, found })) => {
            let found = found.as_ref().map(|found| Pair {
                value: found.value.as_str().into(),
                mod_revision: found.mod_revision,
                version: found.version,
            });
            (*at, (*revision, KvAnswer::Got(found)))
        }
        None | Some((_, Answer::Unknown(_))) => {
            let is_write = !matches!(call, KvCall::Get(_));
            return is_write.then_some(KvOperation { called, returned: None, call });
        }
        Some(_) => return None,
    };
    Some(KvOperation { called, returned: Some((at, KvReturn { revision, answer })), call })
}

/// Others write too, to keys of their own, and are not recorded here: a write of theirs for each revision that nobody claims.
fn of_others(history: &[KvOperation]) -> impl Iterator<Item = KvOperation> + use<> {
    let returned = || history.iter().filter_map(|it| it.returned.as_ref()).map(|(_, returned)| returned);
    let is_write = |it: &&KvReturn| matches!(it.answer, KvAnswer::Put | KvAnswer::Deleted(true));
    let latest = returned().map(|it| it.revision).max().unwrap_or(1);
    let known = returned().filter(is_write).count();
    let count = usize::try_from(latest - 1).unwrap_or(0).saturating_sub(known);
    let write = KvOperation { called: 0, returned: None, call: KvCall::Put("".into(), "of others".into()) };
    std::iter::repeat_n(write, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(called_ns: u64, call: Call, answered_ns: u64, answer: Answer) -> Operation {
        Operation { client: 1, called_ns, call, answer: Some((answered_ns, answer)) }
    }

    fn absent(key: &str, called_ns: u64, revision: i64) -> Operation {
        let call = Call::Get { key: key.to_owned() };
        operation(called_ns, call, called_ns + 1, Answer::Got { revision, found: None })
    }

    #[test]
    fn reads_of_two_keys_that_go_back_in_time_are_caught() {
        assert_eq!(judge(&[absent("a", 0, 5), absent("b", 2, 5)]), Ok(()), "others wrote");
        let broken = judge(&[absent("a", 0, 5), absent("b", 2, 4)]).expect_err("no key was read twice");
        assert_eq!(broken.rule, HistoryRule::Linearizable);
    }

    #[test]
    fn what_was_before_a_range_was_deleted_is_judged_and_what_was_after_that_is_left_to_others() {
        let delete = |called_ns| {
            let call = Call::DeleteRange { from: "a".to_owned(), to: "z".to_owned(), previous: false };
            operation(
                called_ns,
                call,
                called_ns + 1,
                Answer::RangeDeleted { revision: 9, count: 2, previous: None },
            )
        };
        let backwards = [absent("a", 0, 5), absent("b", 2, 4)];
        let with = |called_ns| backwards.iter().cloned().chain([delete(called_ns)]).collect::<Vec<_>>();
        assert!(judge(&with(4)).is_err());
        assert_eq!(judge(&with(1)), Ok(()), "nothing was known of revision 4 or 5 when it was asked for");
    }

    #[test]
    fn a_read_of_what_was_not_asked_for_yet_is_caught() {
        let put = |called_ns| {
            let call = Call::Put { key: "b".to_owned(), value: "x".to_owned() };
            operation(called_ns, call, 9, Answer::Put { revision: 2 })
        };
        assert_eq!(judge(&[absent("a", 0, 2), put(1)]), Ok(()));
        assert!(judge(&[absent("a", 0, 2), put(2)]).is_err(), "the revision is of the future");
    }
}
