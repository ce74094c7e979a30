//! Dead letters: messages that change nothing, whenever they arrive.
//!
//! Each would double the number of states: once with it under way, once without. That they are dead follows from the
//! core's code, which could be wrong in just that: so one run keeps them all.

use conclave::raft::{Body, Message, RoleName, Term};

use crate::node::Node;

/// A node never comes back to a term below the one on its disk, not even by a crash. Nor does it ever become candidate
/// or leader of that very term anew: a campaign begins with the next.
pub(crate) fn is_dead(message: &Message, from: &Node, to: &Node, terms: Term) -> bool {
    let durable = to.disk().vote().term;
    let is_awaited_by = |role| to.core().term() == message.term && to.core().role() == role;
    match message.body {
        // It bears the term that would be entered.
        Body::PreVoteResponse { granted: true } => message.term <= durable,
        Body::PreVoteResponse { granted: false } => message.term < durable,
        Body::VoteResponse { .. } => message.term <= durable && !is_awaited_by(RoleName::Candidate),
        Body::AppendResponse { .. } | Body::HeartbeatResponse { .. } => {
            message.term <= durable && !is_awaited_by(RoleName::Leader)
        }
        // A late request is answered with the present term. That is no news to a follower in the last term of all.
        _ => {
            message.term < durable
                && from.disk().vote().term == terms
                && from.core().role() == RoleName::Follower
        }
    }
}
