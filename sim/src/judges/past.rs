//! What reads of the past tell is what was written then, and what is compacted cannot be read.

use std::collections::BTreeMap;

use conclave_checks::history::writes;

use super::evidence::broken;
use crate::{
    trace::{Answer, Call, Found, Operation},
    verdict::{Failure, Rule},
};

/// A read of the past: what was asked, and what was found.
struct PastRead<'a> {
    key: &'a str,
    revision: i64,
    found: Option<&'a Found>,
    operation: &'a Operation,
}

/// Each read tells of the last write that is not later than its revision, as far as writes are known; and one revision of
/// a key reads the same each time.
pub(super) fn is_true(operations: &[Operation]) -> Result<(), Failure> {
    let from_the_future = |operation: &&Operation| matches!(&operation.answer, Some((_, Answer::DidNotHappen(words))) if words.contains("future revision"));
    if let Some(operation) = operations.iter().find(from_the_future) {
        let detail = "a revision that its client has seen is said to lie in the future";
        return Err(broken(Rule::PastIsTrue, detail, &[operation]));
    }
    if let Some(read) = operations.iter().filter_map(past_read).find(|read| !was_put(operations, read)) {
        return Err(broken(Rule::PastIsTrue, "nobody has put the value that is shown", &[read.operation]));
    }
    let writes = writes(operations);
    let mut seen: BTreeMap<(&str, i64), PastRead<'_>> = BTreeMap::new();
    for read in operations.iter().filter_map(past_read) {
        contradiction(operations, &writes, &read).map_or(Ok(()), |(detail, other)| {
            Err(broken(Rule::PastIsTrue, detail, &[read.operation, other]))
        })?;
        let found = read.found;
        let earlier = seen.entry((read.key, read.revision)).or_insert(read);
        if earlier.found != found {
            let detail = format!("{} at revision {} reads so, and otherwise", earlier.key, earlier.revision);
            return Err(broken(Rule::PastIsTrue, &detail, &[earlier.operation]));
        }
    }
    Ok(())
}

/// A known write that the read contradicts, and how. The writes are given by rising revision.
fn contradiction<'o>(
    operations: &[Operation],
    writes: &[(i64, &'o Operation)],
    read: &PastRead<'_>,
) -> Option<(&'static str, &'o Operation)> {
    let shown = read.found.map(|found| found.mod_revision);
    let of_key = || writes.iter().filter(|(_, operation)| operation.call.key() == Some(read.key));
    let is_another = |(revision, operation): &&(i64, &Operation)| {
        shown == Some(*revision) && !wrote(operation, read.found)
    };
    if let Some((_, operation)) = of_key().find(is_another) {
        return Some(("another write has the revision that is shown", operation));
    }
    let (revision, operation) = of_key().take_while(|(revision, _)| *revision <= read.revision).last()?;
    let is_put = matches!(operation.call, Call::Put { .. });
    match shown {
        Some(shown) if shown < *revision => Some(("a later write is not shown", operation)),
        Some(shown) if shown > read.revision => Some(("what is shown is of the future", operation)),
        None if is_put && !may_be_deleted(operations, read.key) => Some(("a put is not shown", operation)),
        _ => None,
    }
}

/// Somebody put what is shown, whatever they were told of it, and before it was shown.
fn was_put(operations: &[Operation], read: &PastRead<'_>) -> bool {
    let Some(found) = read.found else { return true };
    let shown_ns = read.operation.answer.as_ref().map_or(u64::MAX, |(at, _)| *at);
    operations.iter().any(|operation| {
        operation.call.key() == Some(read.key)
            && operation.called_ns <= shown_ns
            && wrote(operation, Some(found))
    })
}

fn wrote(operation: &Operation, found: Option<&Found>) -> bool {
    matches!((&operation.call, found), (Call::Put { value, .. }, Some(found)) if *value == found.value)
}

/// Somebody perhaps deleted the key.
fn may_be_deleted(operations: &[Operation], key: &str) -> bool {
    let is_delete = |operation: &&Operation| matches!(&operation.call, Call::Delete { key: of } if of == key);
    operations
        .iter()
        .filter(is_delete)
        .any(|operation| matches!(&operation.answer, None | Some((_, Answer::Unknown(_)))))
}

fn past_read(operation: &Operation) -> Option<PastRead<'_>> {
    match (&operation.call, &operation.answer) {
        (Call::GetPast { key, revision }, Some((_, Answer::Got { found, .. }))) => {
            Some(PastRead { key, revision: *revision, found: found.as_ref(), operation })
        }
        _ => None,
    }
}

/// Once a compaction was answered nothing older is read; and nothing is refused as compacted that nobody compacted
/// (unless nodes do so by themselves).
pub(super) fn is_compacted_as_asked(operations: &[Operation], nodes_compact: bool) -> Result<(), Failure> {
    let compactions: Vec<(i64, &Operation)> = operations
        .iter()
        .filter_map(|asked| match asked.call {
            Call::Compact { revision } => Some((revision, asked)),
            _ => None,
        })
        .collect();
    for operation in operations {
        let Some((answered_ns, answer)) = &operation.answer else { continue };
        match (&operation.call, answer) {
            (Call::GetPast { revision, .. }, Answer::Got { .. }) => {
                let later = |(to, asked): &&(i64, &Operation)| {
                    let done_ns = match &asked.answer {
                        Some((at, Answer::Compacted)) => *at,
                        _ => u64::MAX,
                    };
                    to > revision && done_ns < operation.called_ns
                };
                if let Some((_, compaction)) = compactions.iter().find(later) {
                    let detail = "what was compacted before is read";
                    return Err(broken(Rule::CompactionHolds, detail, &[compaction, operation]));
                }
            }
            (Call::GetPast { revision, .. } | Call::Compact { revision }, Answer::Gone) if !nodes_compact => {
                let is_read = matches!(operation.call, Call::GetPast { .. });
                let explains = |&(to, asked): &(i64, &Operation)| {
                    let reaches = if is_read { to > *revision } else { to >= *revision };
                    reaches && !std::ptr::eq(asked, operation) && asked.called_ns < *answered_ns
                };
                if !compactions.iter().any(explains) {
                    let detail = "it is refused as compacted, and nobody asked for that";
                    return Err(broken(Rule::CompactionHolds, detail, &[operation]));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(called_ns: u64, call: Call, answer: Answer) -> Operation {
        Operation { client: 1, called_ns, call, answer: Some((called_ns + 1, answer)) }
    }

    fn put(at: u64, value: &str, revision: i64) -> Operation {
        operation(at, Call::Put { key: "k".into(), value: value.into() }, Answer::Put { revision })
    }

    fn unanswered(at: u64, value: &str) -> Operation {
        Operation { answer: None, ..put(at, value, 0) }
    }

    fn delete(at: u64, revision: i64) -> Operation {
        operation(at, Call::Delete { key: "k".into() }, Answer::Deleted { revision, count: 1 })
    }

    fn past(at: u64, revision: i64, found: Option<(&str, i64)>) -> Operation {
        let found =
            found.map(|(value, mod_revision)| Found { value: value.into(), mod_revision, version: 1 });
        operation(at, Call::GetPast { key: "k".into(), revision }, Answer::Got { revision: 9, found })
    }

    fn gone(at: u64, revision: i64) -> Operation {
        operation(at, Call::GetPast { key: "k".into(), revision }, Answer::Gone)
    }

    fn compact(at: u64, revision: i64) -> Operation {
        operation(at, Call::Compact { revision }, Answer::Compacted)
    }

    #[test]
    fn a_true_past_passes() {
        let operations = [
            put(0, "a", 2),
            put(2, "b", 4),
            delete(4, 6),
            past(6, 3, Some(("a", 2))),
            past(8, 4, Some(("b", 4))),
            past(10, 6, None),
            // A write whose answer nobody heard may lie in between.
            unanswered(11, "c"),
            past(12, 5, Some(("c", 5))),
        ];
        assert!(is_true(&operations).is_ok());
    }

    #[test]
    fn an_untrue_past_is_caught() {
        let writes = [put(0, "a", 2), put(2, "b", 4)];
        for read in [
            past(6, 4, Some(("a", 2))),
            past(6, 4, Some(("x", 4))),
            past(6, 3, Some(("b", 4))),
            past(6, 4, None),
        ] {
            let operations = [&writes[..], &[read]].concat();
            let failure = is_true(&operations).expect_err("it is untrue");
            assert_eq!(failure.rule, Rule::PastIsTrue);
        }
        let from_nowhere = [put(0, "a", 2), past(2, 3, Some(("c", 3))), unanswered(4, "c")];
        assert!(is_true(&from_nowhere).is_err(), "nobody had put it yet");
        let twice =
            [put(0, "a", 2), unanswered(1, "c"), past(2, 3, Some(("a", 2))), past(4, 3, Some(("c", 3)))];
        assert!(is_true(&twice).is_err(), "it cannot read both ways");
    }

    #[test]
    fn what_is_compacted_stays_so_and_nothing_else_is() {
        let judge = |operations: &[Operation]| is_compacted_as_asked(operations, false);
        assert!(judge(&[compact(0, 5), gone(2, 4), past(2, 5, None)]).is_ok());
        assert!(judge(&[past(0, 4, None), compact(0, 5)]).is_ok(), "they overlap");
        assert!(judge(&[compact(0, 5), past(2, 4, None)]).is_err());
        assert!(judge(&[gone(0, 4), compact(2, 5)]).is_err());
        assert!(judge(&[compact(0, 5), gone(2, 5)]).is_err());
        assert!(is_compacted_as_asked(&[gone(0, 4)], true).is_ok());
        let again = operation(2, Call::Compact { revision: 5 }, Answer::Gone);
        assert!(judge(&[compact(0, 5), again.clone()]).is_ok());
        assert!(judge(&[again]).is_err());
    }
}
