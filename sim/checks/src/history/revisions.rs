//! Each write that changes something has a revision of its own, and they follow time.

use super::{Answer, Broken, HistoryRule, Operation};

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

/// The writes that are known to have changed something, by revision.
pub fn writes(operations: &[Operation]) -> Vec<(i64, &Operation)> {
    let revision = |operation: &Operation| match &operation.answer {
        Some((_, Answer::Put { revision } | Answer::Deleted { revision, count: 1.. })) => Some(*revision),
        _ => None,
    };
    let mut writes: Vec<_> = operations.iter().filter_map(|op| Some((revision(op)?, op))).collect();
    writes.sort_by_key(|(revision, _)| *revision);
    writes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Call;

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
    fn a_revision_from_the_future_is_caught() {
        assert!(follow_time(&[put(0, 9, 3), put(1, 8, 2)]).is_ok(), "they overlap");
        let failure = follow_time(&[put(0, 1, 3), put(2, 3, 2)]).expect_err("answered before");
        assert_eq!(failure.rule, HistoryRule::RevisionsFollowTime);
    }
}
