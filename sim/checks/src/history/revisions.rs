//! Each write that changes something has a revision of its own, and they follow time.

use super::{Broken, HistoryRule, Operation};

/// No two writes have one revision.
pub(super) fn are_unique(operations: &[Operation]) -> Result<(), Broken> {
    for pair in writes(operations).windows(2) {
        if pair[0].0 == pair[1].0 {
            let detail = format!("two writes have revision {}", pair[0].0);
            return Err(Broken::new(HistoryRule::RevisionsAreUnique, &detail, &[pair[0].1, pair[1].1]));
        }
    }
    Ok(())
}

/// By rising revision no write was answered before one of a lower revision was asked for.
pub(super) fn follow_time(operations: &[Operation]) -> Result<(), Broken> {
    let mut latest_call: Option<&Operation> = None;
    for (revision, operation) in writes(operations) {
        let Some((answered, _)) = operation.answer else { continue };
        if let Some(earlier) = latest_call.filter(|earlier| answered < earlier.called_ns) {
            let detail = format!("revision {revision} was answered before a lower one was asked for");
            return Err(Broken::new(HistoryRule::RevisionsFollowTime, &detail, &[operation, earlier]));
        }
        let is_later = latest_call.is_none_or(|latest| latest.called_ns < operation.called_ns);
        latest_call = if is_later { Some(operation) } else { latest_call };
    }
    Ok(())
}

/// Whoever asks after somebody was told of a revision is told of no lower one. (A read of any node may be.)
pub(super) fn never_fall(operations: &[Operation]) -> Result<(), Broken> {
    let counts = |operation: &&Operation| !operation.call.is_of_any_node();
    let told = operations.iter().filter(counts).filter_map(|operation| {
        let (answered_ns, answer) = operation.answer.as_ref()?;
        (answer.revision() > 0).then_some((*answered_ns, answer.revision(), operation))
    });
    let mut by_answer: Vec<(u64, i64, &Operation)> = told.collect();
    by_answer.sort_by_key(|(answered_ns, ..)| *answered_ns);
    let mut by_call = by_answer.clone();
    by_call.sort_by_key(|(_, _, operation)| operation.called_ns);
    let (mut earlier, mut highest) = (by_answer.into_iter().peekable(), None::<(i64, &Operation)>);
    for (_, revision, operation) in by_call {
        while let Some((_, told, before)) = earlier.next_if(|(at, ..)| *at < operation.called_ns) {
            highest = highest.filter(|(known, _)| *known >= told).or(Some((told, before)));
        }
        if let Some((_, before)) = highest.filter(|(known, _)| *known > revision) {
            let detail = format!("revision {revision} is told after a higher one was");
            return Err(Broken::new(HistoryRule::RevisionsFollowTime, &detail, &[before, operation]));
        }
    }
    Ok(())
}

/// The writes that are known to have changed something, by revision.
pub(super) fn writes(operations: &[Operation]) -> Vec<(i64, &Operation)> {
    let revision = |operation: &Operation| operation.answer.as_ref().and_then(|(_, answer)| answer.written());
    let mut writes: Vec<_> = operations.iter().filter_map(|op| Some((revision(op)?, op))).collect();
    writes.sort_by_key(|(revision, _)| *revision);
    writes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Answer, Call};

    fn put(called_ns: u64, answered_ns: u64, revision: i64) -> Operation {
        let call = Call::Put { key: "k".to_owned(), value: format!("{called_ns}") };
        Operation { client: 1, called_ns, call, answer: Some((answered_ns, Answer::Put { revision })) }
    }

    #[test]
    fn one_revision_of_two_writes_is_caught() {
        assert!(are_unique(&[put(0, 1, 2), put(2, 3, 3)]).is_ok());
        let failure = are_unique(&[put(0, 1, 2), put(2, 3, 2)]).expect_err("one revision");
        assert_eq!(failure.rule, HistoryRule::RevisionsAreUnique);
    }

    #[test]
    fn a_revision_that_falls_is_caught_also_of_another_key() {
        let read = |called_ns, revision, call| {
            let answer = Answer::Ranged { revision, found: Vec::new() };
            Operation { client: 2, called_ns, call, answer: Some((called_ns + 1, answer)) }
        };
        let range = || Call::Range { from: "a".to_owned(), to: "b".to_owned(), revision: 0 };
        let of_any = || Call::RangeOfAny { from: "a".to_owned(), to: "b".to_owned() };
        assert!(never_fall(&[put(0, 1, 3), read(2, 3, range())]).is_ok());
        assert!(never_fall(&[put(0, 3, 3), read(2, 2, range())]).is_ok(), "they overlap");
        assert!(never_fall(&[put(0, 1, 3), read(2, 2, of_any())]).is_ok(), "a node may lag behind");
        let failure = never_fall(&[put(0, 1, 3), read(2, 2, range())]).expect_err("it is stale");
        assert_eq!(failure.rule, HistoryRule::RevisionsFollowTime);
        assert!(never_fall(&[read(0, 5, of_any()), read(2, 2, range()), put(4, 5, 4)]).is_ok());
    }

    #[test]
    fn a_revision_from_the_future_is_caught() {
        assert!(follow_time(&[put(0, 9, 3), put(1, 8, 2)]).is_ok(), "they overlap");
        let failure = follow_time(&[put(0, 1, 3), put(2, 3, 2)]).expect_err("answered before");
        assert_eq!(failure.rule, HistoryRule::RevisionsFollowTime);
    }
}
