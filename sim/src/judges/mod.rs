//! The judges of a run's history: what clients asked, what they were told and when, and nothing else.
//!
//! | file | idea |
//! | --- | --- |
//! | `linearizability.rs` | is there an order, key by key, in which one copy of the data would have answered so? |
//! | `key_model.rs` | what one key of the store answers |
//! | `snapshots.rs` | a range is the store as it was at one revision |
//! | `revisions.rs` | each write has a revision of its own, and they follow time |
//! | `evidence.rs` | a failure with the operations that show it |
//!
//! A new judge is a file here and a line in [`judge`].

mod evidence;
mod key_model;
mod linearizability;
mod revisions;
mod snapshots;

use std::collections::BTreeMap;

use crate::{
    trace::{Answer, Flooded, LargeEvent, Operation},
    verdict::Failure,
};

/// Judges a history.
///
/// # Errors
/// What has no explanation.
pub(crate) fn judge(operations: &[Operation], large: &[LargeEvent]) -> Result<(), Failure> {
    snapshots::judge(large)?;
    revisions::are_unique(operations)?;
    revisions::follow_time(operations)?;
    linearizability::judge(operations)
}

/// Operations by what their clients were told.
pub(crate) fn count(operations: &[Operation], large: &[LargeEvent]) -> BTreeMap<&'static str, u64> {
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
            Some((_, Answer::Got { .. })) => "get",
            Some((_, Answer::Deleted { .. })) => "delete",
            Some((_, Answer::DidNotHappen(_))) => "did not happen",
            Some((_, Answer::Unknown(_))) => "unknown",
        };
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}
