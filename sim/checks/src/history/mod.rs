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
//! | `broken.rs` | what has no explanation, with the operations that show it |
//! | `tests.rs` | each judge with a history that it alone objects to, and the nearest one that none objects to |

mod broken;
mod creations;
mod found;
mod key_model;
mod linearizability;
mod operation;
mod page;
mod revisions;
#[cfg(test)]
mod tests;
mod view;
mod witness;
mod words;

use ::linearizability::Effort;

pub use broken::{Broken, HistoryRule, in_a_line};
pub use found::Found;
pub use linearizability::{Unexplained, first_read_of, unexplained_part};
pub use operation::{Answer, Call, Operation};
pub use page::{Order, Page, Paged, RevisionBounds, Shown};
pub use revisions::writes;
pub use view::{View, view};

/// Judges what is said about the present of the store.
///
/// # Errors
/// What has no explanation.
pub fn judge(operations: &[Operation]) -> Result<(), Broken> {
    judge_while(operations, &mut linearizability::is_within_steps)
}

/// The same; each key's order is looked for as long as `goes_on` says so before each step.
///
/// # Errors
/// What has no explanation, or none was found as long.
pub fn judge_while(operations: &[Operation], goes_on: &mut dyn FnMut(Effort) -> bool) -> Result<(), Broken> {
    JUDGES.iter().try_for_each(|judge| judge(operations))?;
    linearizability::judge(operations, goes_on)
}

/// What a judge says of a history.
type Judgement = fn(&[Operation]) -> Result<(), Broken>;

/// All but the search, which comes last: it may take long.
const JUDGES: &[Judgement] = &[
    revisions::are_unique,
    revisions::follow_time,
    revisions::never_fall,
    creations::are_true,
    witness::judge,
];
