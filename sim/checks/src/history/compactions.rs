//! What is compacted cannot be read, and what nobody compacted can.

use super::{Answer, Broken, Call, HistoryRule, Operation};

/// Once a compaction was answered nothing older is read; and nothing is refused as compacted that nobody compacted
/// (unless nodes do so by themselves).
pub(super) fn hold(operations: &[Operation], nodes_compact: bool) -> Result<(), Broken> {
    let compactions: Vec<(i64, &Operation)> = operations
        .iter()
        .filter_map(|asked| match asked.call {
            Call::Compact { revision } => Some((revision, asked)),
            _ => None,
        })
        .collect();
    for operation in operations {
        let Some((answered_ns, answer)) = &operation.answer else { continue };
        let read = operation.call.past_revision();
        match (read, answer) {
            // A node that lags behind has not heard of the compaction yet.
            (Some(revision), Answer::Got { .. } | Answer::Ranged { .. } | Answer::Paged { .. })
                if !operation.call.is_of_any_node() =>
            {
                let later = |(to, asked): &&(i64, &Operation)| {
                    let done_ns = match &asked.answer {
                        Some((at, Answer::Compacted)) => *at,
                        _ => u64::MAX,
                    };
                    *to > revision && done_ns < operation.called_ns
                };
                if let Some((_, compaction)) = compactions.iter().find(later) {
                    let detail = "what was compacted before is read";
                    return Err(Broken::new(HistoryRule::CompactionHolds, detail, &[compaction, operation]));
                }
            }
            (_, Answer::Gone) if !nodes_compact => {
                let explains = |&(to, asked): &(i64, &Operation)| {
                    let reaches = match (read, &operation.call) {
                        (Some(revision), _) => to > revision,
                        (None, Call::Compact { revision }) => to >= *revision,
                        // The present is never compacted.
                        (None, _) => false,
                    };
                    reaches && !std::ptr::eq(asked, operation) && asked.called_ns < *answered_ns
                };
                if !compactions.iter().any(explains) {
                    let detail = "it is refused as compacted, and nobody asked for that";
                    return Err(Broken::new(HistoryRule::CompactionHolds, detail, &[operation]));
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
    use crate::history::{Page, Paged};

    fn operation(called_ns: u64, call: Call, answer: Answer) -> Operation {
        Operation { client: 1, called_ns, call, answer: Some((called_ns + 1, answer)) }
    }

    fn past(at: u64, answer: Answer, revision: i64) -> Operation {
        operation(at, Call::GetPast { key: "k".into(), revision }, answer)
    }

    fn read(at: u64, revision: i64) -> Operation {
        past(at, Answer::Got { revision: 9, found: None }, revision)
    }

    fn gone(at: u64, revision: i64) -> Operation {
        past(at, Answer::Gone, revision)
    }

    fn compact(at: u64, revision: i64) -> Operation {
        operation(at, Call::Compact { revision }, Answer::Compacted)
    }

    #[test]
    fn what_is_compacted_stays_so_and_nothing_else_is() {
        let rule_where = |operations: &[Operation], nodes_compact| {
            hold(operations, nodes_compact).err().map(|failure| failure.rule)
        };
        let rule = |operations: &[Operation]| rule_where(operations, false);
        let broken = Some(HistoryRule::CompactionHolds);
        assert_eq!(rule(&[compact(0, 5), gone(2, 4), read(2, 5)]), None);
        assert_eq!(rule(&[read(0, 4), compact(0, 5)]), None, "they overlap");
        assert_eq!(rule(&[compact(0, 5), read(2, 4)]), broken);
        let page = |of_any_node| {
            let (from, to, page) = ("a".into(), "c".into(), Page { of_any_node, ..Page::default() });
            operation(
                2,
                Call::Page { from, to, revision: 4, page },
                Answer::Paged { revision: 9, paged: Paged::default() },
            )
        };
        assert_eq!(rule(&[compact(0, 5), page(false)]), broken);
        assert_eq!(rule(&[compact(0, 5), page(true)]), None, "a node that has not heard of it yet answers");
        assert_eq!(rule(&[gone(0, 4), compact(2, 5)]), broken);
        assert_eq!(rule(&[compact(0, 5), gone(2, 5)]), broken);
        assert_eq!(rule(&[gone(0, 4)]), broken);
        assert_eq!(rule_where(&[gone(0, 4)], true), None, "nodes do so by themselves");
        let again = operation(2, Call::Compact { revision: 5 }, Answer::Gone);
        assert_eq!(rule(&[compact(0, 5), again.clone()]), None);
        assert_eq!(rule(&[again]), broken);
        let present = operation(2, Call::Get { key: "k".into() }, Answer::Gone);
        assert_eq!(rule(&[compact(0, 5), present]), broken, "the present is never compacted");
    }
}
