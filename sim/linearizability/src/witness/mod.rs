//! The revision witness: answers that carry revisions tell the order themselves, and an order that is told need not be
//! searched for. It is verified, in n log n and across all keys.
//!
//! A store counts its writes: each that changes something raises the revision by one. An answer then claims a place
//! ([`Claim`]): this write is the one of revision 7; this read saw the store at revision 7. All claims together are an
//! order, and there is no other one in which they are true. What is left to verify:
//!
//! 1. No two writes claim one revision.
//! 2. Real time: nobody had returned when something that claims an earlier place was called.
//! 3. The model: one copy of the data, taken through the order, gives these answers.
//!
//! # Writes of unknown outcome
//!
//! They may have happened at any time after their call, or never; but one that happened took a revision. So revisions
//! that nobody claims are where they went (`gaps.rs`): each such revision is one of them, called in time, and none
//! happened anywhere else. Which one? Mostly somebody has read it and tells ([`Witnessed::shows`]). If nobody has, one
//! is chosen that a later answer asks for, or else that none contradicts ([`Witnessed::outlook`]); when an answer
//! contradicts the choice all the same, the last one that concerns the answer is taken back, and none that does not (`sweep.rs`; conflict
//! directed backjumping, Prosser 1993). Only there can the work grow beyond n log n, and it is bounded.
//!
//! | file | idea |
//! | --- | --- |
//! | `claim.rs` | what an answer claims, and what a model says of it: [`Witnessed`] |
//! | `order.rs` | the claimed order; is it one, and is it that of real time? |
//! | `gaps.rs` | revisions that nobody claims, and the writes of unknown outcome that may be there |
//! | `ahead.rs` | what comes later in the order and concerns a write |
//! | `sweep.rs` | one copy of the data taken through the order |
//! | `contradiction.rs` | which operation cannot be, and what contradicts it |

mod ahead;
mod claim;
mod contradiction;
mod gaps;
mod order;
mod sweep;

pub use claim::{Claim, Later, Outlook, Witnessed};
pub use contradiction::{Contradiction, Reason, Testimony};

use crate::{Effort, Operation};
use gaps::Gaps;
use order::Order;
use sweep::Sweep;

/// Verifies the order that the answers of a history claim. `steps_max` bounds the operations that are placed, those
/// placed again included.
pub fn check_witnessed<M: Witnessed>(
    operations: &[Operation<M::Call, M::Return>],
    steps_max: usize,
) -> Testimony {
    check_witnessed_while::<M>(operations, &mut |effort| effort.steps <= steps_max)
}

/// The same, as long as `goes_on` says so before each step.
pub fn check_witnessed_while<M: Witnessed>(
    operations: &[Operation<M::Call, M::Return>],
    goes_on: &mut dyn FnMut(Effort) -> bool,
) -> Testimony {
    let order = match Order::claimed::<M>(operations) {
        Ok(order) => order,
        Err(testimony) => return testimony,
    };
    match Gaps::find::<M>(operations, &order) {
        Ok(gaps) => Sweep::<M>::new(operations, &order, &gaps).run(goes_on),
        Err(testimony) => testimony,
    }
}
