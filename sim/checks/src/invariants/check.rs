//! What all rules are written with.

use conclave::raft::{Configuration, NodeId};

use crate::Failure;

/// What a rule says of an observation.
pub(crate) type Checked = Result<(), Failure>;

pub(crate) fn ensure(holds: bool, failure: impl FnOnce() -> Failure) -> Checked {
    if holds { Ok(()) } else { Err(failure()) }
}

/// How many voters say yes, where they are no quorum: in either half of a joint configuration. Not the core's own
/// arithmetic, which is on trial.
pub fn without_quorum(configuration: &Configuration, says_yes: impl Fn(NodeId) -> bool) -> Option<usize> {
    [&configuration.voters, &configuration.outgoing].into_iter().find_map(|half| {
        let yes = half.iter().filter(|&&id| says_yes(id)).count();
        (!half.is_empty() && yes * 2 <= half.len()).then_some(yes)
    })
}
