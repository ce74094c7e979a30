//! The definition, carried out literally: every order of every subset that holds the operations of known outcome. Too
//! slow for anything but tiny histories, and too simple to be wrong: a property test of a [`Model`] compares
//! [`check`](crate::check) with it, to see that its partition and its revisions lose nothing.

use crate::{Model, Operation};

/// More operations than this take longer than anybody waits.
const OPERATIONS_MAX: usize = 12;

/// Whether a history is linearizable.
///
/// # Panics
/// It has more than 12 operations.
pub fn is_linearizable<M: Model>(operations: &[Operation<M::Call, M::Return>]) -> bool {
    assert!(operations.len() <= OPERATIONS_MAX, "{} operations are too many to try all", operations.len());
    extends::<M>(operations, 0, &M::initial())
}

/// Whether an order that has come to this state with these operations (one bit each) can be completed.
fn extends<M: Model>(operations: &[Operation<M::Call, M::Return>], done: u32, state: &M::State) -> bool {
    let is_left = |number: &usize| done & (1 << number) == 0;
    let is_owed = |number: &usize| is_left(number) && operations[*number].returned.is_some();
    let all = || 0..operations.len();
    if !all().any(|number| is_owed(&number)) {
        return true;
    }
    all().filter(is_left).any(|number| {
        let operation = &operations[number];
        let is_overtaken = all().filter(is_owed).filter(|other| *other != number).any(|other| {
            operations[other].returned.as_ref().is_some_and(|(returned, _)| *returned < operation.called)
        });
        let returned = operation.returned.as_ref().map(|(_, returned)| returned);
        let after = M::step(state, &operation.call, returned);
        !is_overtaken && after.is_some_and(|after| extends::<M>(operations, done | 1 << number, &after))
    })
}
