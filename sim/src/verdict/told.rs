//! How many operations of a run ended how.

use std::collections::BTreeMap;

use crate::trace::{Answer, Call, Flooded, History, LargeEvent};

/// Operations by what their clients were told.
pub(crate) fn count(History { operations, large, .. }: &History) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for event in large {
        if let LargeEvent::Flooded(Flooded { answered, refused, failed }) = event {
            for (outcome, calls) in
                [("flood", answered), ("flood refused", refused), ("flood failed", failed)]
            {
                *counts.entry(outcome).or_default() += calls;
            }
        }
        let outcome = match event {
            LargeEvent::Wrote { .. } => "large put",
            LargeEvent::Read { .. } => "large range",
            LargeEvent::Refused => "large range refused",
            _ => continue,
        };
        *counts.entry(outcome).or_default() += 1;
    }
    for operation in operations {
        let outcome = match &operation.answer {
            None => "client died",
            Some((_, Answer::Put { .. })) => "put",
            Some((_, Answer::Got { .. })) => match operation.call {
                Call::GetPast { .. } => "get of the past",
                _ => "get",
            },
            Some((_, Answer::Replaced { .. })) => "put and what was there",
            Some((_, Answer::Ranged { .. })) => match operation.call {
                Call::RangeOfAny { .. } => "range of any node",
                Call::Backup { .. } => "backup",
                Call::Range { revision: 1.., .. } => "range of the past",
                _ => "range",
            },
            Some((_, Answer::Paged { .. })) => "page of a range",
            Some((_, Answer::RangeDeleted { .. })) => "delete of a range",
            Some((_, Answer::Broken(_))) => "broken",
            Some((_, Answer::Compacted)) => "compaction",
            Some((_, Answer::Alarmed)) => "alarm",
            Some((_, Answer::Gone)) => "compacted already",
            Some((_, Answer::Deleted { .. })) => "delete",
            Some((_, Answer::DidNotHappen(_))) => "did not happen",
            Some((_, Answer::Unknown(_))) => "unknown",
        };
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}
