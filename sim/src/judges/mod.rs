//! The judges of a run's history: what clients asked, what they were told and when, and nothing else.
//!
//! | file | idea |
//! | --- | --- |
//! | `conclave_checks::history` | what is said about the present: linearizability, and revisions that follow time |
//! | `ranges.rs` | a range is the store as it was at one revision |
//! | `pages.rs` | a page of a range is what is asked for of it |
//! | `past.rs` | whatever an answer tells of a revision is what was written by then, until it is compacted |
//! | `alarms.rs` | what an alarm forbids is refused while it is raised, and at no other time |
//! | `evidence.rs` | a failure with the operations that show it |
//!
//! A new judge is a file here and a line in [`judges`].

mod alarms;
mod evidence;
mod pages;
mod past;
mod ranges;

use std::collections::BTreeMap;

use conclave_checks::history::Broken;

use crate::{
    trace::{Answer, Call, Flooded, LargeEvent, Operation},
    verdict::{Failure, Rule},
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
    judge_whether(operations, large, nodes_compact, conclave_checks::history::judge)
}

/// The same, by this judge of linearizability.
///
/// # Errors
/// What has no explanation.
pub(crate) fn judge_whether(
    operations: &[Operation],
    large: &[LargeEvent],
    nodes_compact: bool,
    is_linearizable: impl FnOnce(&[Operation]) -> Result<(), Broken>,
) -> Result<(), Failure> {
    let mut verdicts = judges(operations, large, nodes_compact).into_iter();
    verdicts.try_for_each(|judge| judge())?;
    Ok(is_linearizable(operations)?)
}

/// All but that of linearizability, which comes last: it may take long.
fn judges<'a>(
    operations: &'a [Operation],
    large: &'a [LargeEvent],
    nodes_compact: bool,
) -> [Box<dyn Fn() -> Result<(), Failure> + 'a>; 6] {
    [
        Box::new(|| backups_are_whole(operations)),
        Box::new(|| ranges::judge(large)),
        Box::new(|| past::is_true(operations)),
        Box::new(move || past::is_compacted_as_asked(operations, nodes_compact)),
        Box::new(|| pages::are_true(operations)),
        Box::new(|| alarms::are_true(operations)),
    ]
}

/// A backup that arrived whole can be read.
fn backups_are_whole(operations: &[Operation]) -> Result<(), Failure> {
    let is_broken = |operation: &&Operation| matches!(operation.answer, Some((_, Answer::Broken(_))));
    match operations.iter().find(is_broken) {
        Some(backup) => Err(evidence::broken(Rule::BackupsAreWhole, "it is broken", &[backup])),
        None => Ok(()),
    }
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

#[cfg(test)]
pub(crate) mod tests;
