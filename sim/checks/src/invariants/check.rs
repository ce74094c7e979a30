//! What all rules are written with.

use conclave::raft::{Configuration, NodeId, Raft};

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

/// What a leader counts when it commits, for a reader: how far it has the log on its disk, and how far the others have told it. Nothing
/// of any other role.
pub(super) fn known_of_logs(core: &Raft) -> String {
    let peers = core.peers();
    let told: Vec<String> =
        peers.iter().map(|peer| format!("node {} to {}", peer.id, peer.matched)).collect();
    match told.is_empty() {
        true => String::new(),
        false => {
            format!("; it has its own log on disk to {}, and was told: {}", core.durable(), told.join(", "))
        }
    }
}
