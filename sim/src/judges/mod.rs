//! The judges of a run's history: what clients asked, what they were told and when, and nothing else.
//!
//! | file | idea |
//! | --- | --- |
//! | `linearizability.rs` | is there an order, key by key, in which one copy of the data would have answered so? |
//! | `key_model.rs` | what one key of the store answers |
//! | `ranges.rs` | a range is the store as it was at one revision |
//! | `past.rs` | reads of the past tell what was written then, until it is compacted |
//! | `revisions.rs` | each write has a revision of its own, and they follow time |
//! | `evidence.rs` | a failure with the operations that show it |
//!
//! A new judge is a file here and a line in [`judge`].

mod evidence;
mod key_model;
mod linearizability;
mod past;
mod ranges;
mod revisions;

use std::collections::BTreeMap;

use crate::{
    trace::{Answer, Call, LargeEvent, Operation},
    verdict::Failure,
};

/// Judges a history; `nodes_compact`: they do so by themselves.
///
/// # Errors
/// What has no explanation.
pub(crate) fn judge(
    operations: &[Operation],
    large: &[LargeEvent],
    nodes_compact: bool,
) -> Result<(), Failure> {
    ranges::judge(large)?;
    revisions::are_unique(operations)?;
    revisions::follow_time(operations)?;
    past::is_true(operations)?;
    past::is_compacted_as_asked(operations, nodes_compact)?;
    linearizability::judge(operations)
}

/// Operations by what their clients were told.
pub(crate) fn count(operations: &[Operation], large: &[LargeEvent]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for event in large {
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
            Some((_, Answer::Compacted)) => "compaction",
            Some((_, Answer::Gone)) => "compacted already",
            Some((_, Answer::Deleted { .. })) => "delete",
            Some((_, Answer::DidNotHappen(_))) => "did not happen",
            Some((_, Answer::Unknown(_))) => "unknown",
        };
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}
