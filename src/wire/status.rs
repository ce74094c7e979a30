//! What a node shows of itself.

use super::pb::v1::{self, node_status::Role};
use crate::raft::{PeerView, RoleName};

/// The role as `Status` shows it: a learner is a follower without a say.
pub(crate) fn role_to_pb(role: Option<RoleName>, is_voter: bool) -> Role {
    match role {
        None => Role::Unknown,
        Some(RoleName::Follower) if !is_voter => Role::Learner,
        Some(RoleName::Follower) => Role::Follower,
        Some(RoleName::PreCandidate) => Role::PreCandidate,
        Some(RoleName::Candidate) => Role::Candidate,
        Some(RoleName::Leader) => Role::Leader,
    }
}

/// What a leader knows of another node.
pub(crate) fn peer_to_pb(peer: PeerView) -> v1::PeerStatus {
    v1::PeerStatus {
        id: peer.id,
        matched_index: peer.matched,
        active: peer.is_active,
        receives_snapshot: peer.receives_snapshot,
        snapshot_failures: peer.snapshot_failures,
    }
}
