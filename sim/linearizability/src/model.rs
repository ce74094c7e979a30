//! What one copy of the data would answer.

use crate::Operation;

/// A sequential specification.
pub trait Model {
    /// What the copy holds.
    type State: Clone + Ord;
    /// What is asked of it.
    type Call: PartialEq;
    /// What it answers.
    type Return;

    /// What it holds at first.
    fn initial() -> Self::State;

    /// The state after a call that was answered so; `None` when it would have been answered otherwise. Without an
    /// answer (the outcome is unknown) any answer will do.
    fn step(state: &Self::State, call: &Self::Call, returned: Option<&Self::Return>) -> Option<Self::State>;

    /// Whether a call that was answered so only tells of a state. Where such an operation leaves the state as it is, the search
    /// need not try it late: as soon as it can come next, it does. What it teaches of another state may only bind what follows.
    fn is_read(_: &Self::Call, _: &Self::Return) -> bool {
        false
    }

    /// Whether this answer can follow a state if nothing comes in between but some of these calls. True is always safe;
    /// false spares the search every order that begins so.
    fn can_answer(
        _state: &Self::State,
        _call: &Self::Call,
        _returned: &Self::Return,
        _between: &mut dyn Iterator<Item = &Self::Call>,
    ) -> bool {
        true
    }

    /// Splits a history into parts that are linearizable or not each on its own, such as the keys of a map (Herlihy and
    /// Wing call this locality). Each position of the input is in one part. By default there is one part.
    fn partition(operations: &[Operation<Self::Call, Self::Return>]) -> Vec<Vec<usize>> {
        vec![(0..operations.len()).collect()]
    }

    /// A number that never falls from state to state, such as a count of changes, if answers tell of it.
    fn revision(_: &Self::State) -> i64 {
        0
    }

    /// A state without its revision, if that only bounds: what can follow one state can follow any other one that is equal but for
    /// a lower revision. By default (the state itself) a revision is a part of the state like any other.
    fn without_revision(state: &Self::State) -> Self::State {
        state.clone()
    }

    /// The highest [`revision`](Self::revision) of a state from which [`step`](Self::step) accepts this answer. It
    /// spares the search every order in which the answer would come too late.
    fn latest_revision(_: &Self::Return) -> i64 {
        i64::MAX
    }
}
