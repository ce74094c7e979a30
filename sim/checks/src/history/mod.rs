//! The history of clients, whoever recorded it: what they asked, what they were told and when. The simulation records one,
//! and so do the clients of real processes.
//!
//! | file | idea |
//! | --- | --- |
//! | `operation.rs` | what clients ask, and what they are told |
//! | `found.rs` | a pair, as an answer shows it |
//! | `page.rs` | what may be asked of a range beside its keys, and what that leaves of it |
//! | `words.rs` | both in words |
//! | `linearizability.rs` | is there an order, key by key, in which one copy of the data would have answered so? |
//! | `key_model.rs` | what one key of the store answers |
//! | `witness.rs` | revisions are places in an order: is it that of time, and of the store, across all keys? |
//! | `revisions.rs` | each write has a revision of its own, and they follow time |
//! | `creations.rs` | a pair tells since when its key has been there |
//! | `view.rs` | what an answer tells of the store at a revision |
//! | `past.rs` | whatever an answer tells of a revision is what was written by then |
//! | `compactions.rs` | what is compacted cannot be read, and what nobody compacted can |
//! | `pages.rs` | a page of a range is what is asked for of it |
//! | `alarms.rs` | what an alarm forbids is refused while it is raised, and at no other time |
//! | `backups.rs` | a backup that arrived whole can be read |
//! | `large.rs` | what clients of large values ask, and what they are told |
//! | `ranges.rs` | a range of large values is the store as it was at one revision |
//! | `broken.rs` | what has no explanation, with the operations that show it |
//! | `tests.rs` | each judge with a history that it alone objects to, and the nearest one that none objects to |

mod alarms;
mod backups;
mod broken;
mod compactions;
mod creations;
mod found;
mod key_model;
mod large;
mod linearizability;
mod operation;
mod page;
mod pages;
mod past;
mod ranges;
mod revisions;
#[cfg(test)]
mod tests;
mod view;
mod witness;
mod words;

use ::linearizability::Effort;

pub use broken::{Broken, HistoryRule, in_a_line};
pub use found::Found;
pub use large::{Asked, Flooded, LargeEvent, Part};
pub use linearizability::{Unexplained, first_read_of, unexplained_part};
pub use operation::{Answer, Call, Operation};
pub use page::{Order, Page, Paged, RevisionBounds, Shown};
use revisions::writes;
use view::view;

/// The history of all clients.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub operations: Vec<Operation>,
    /// What clients of large values did and were told.
    pub large: Vec<LargeEvent>,
    /// Nodes compact by themselves: what nobody asked to be compacted may be gone, too.
    pub nodes_compact: bool,
}

/// Judges a history.
///
/// # Errors
/// What has no explanation.
pub fn judge(history: &History) -> Result<(), Broken> {
    judge_while(history, &mut linearizability::is_within_steps)
}

/// The same; each key's order is looked for as long as `goes_on` says so before each step.
///
/// # Errors
/// What has no explanation, or none was found as long.
pub fn judge_while(history: &History, goes_on: &mut dyn FnMut(Effort) -> bool) -> Result<(), Broken> {
    JUDGES.iter().try_for_each(|judge| judge(history))?;
    linearizability::judge(&history.operations, goes_on)
}

/// What a judge says of a history.
type Judgement = fn(&History) -> Result<(), Broken>;

/// All but the search, which comes last: it may take long.
const JUDGES: &[Judgement] = &[
    |history| backups::are_whole(&history.operations),
    |history| ranges::are_snapshots(&history.large),
    |history| past::is_true(&history.operations),
    |history| compactions::hold(&history.operations, history.nodes_compact),
    |history| pages::are_true(&history.operations),
    |history| alarms::are_true(&history.operations),
    |history| revisions::are_unique(&history.operations),
    |history| revisions::follow_time(&history.operations),
    |history| revisions::never_fall(&history.operations),
    |history| creations::are_true(&history.operations),
    |history| witness::judge(&history.operations),
];
