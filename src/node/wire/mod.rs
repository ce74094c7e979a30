//! Protobuf from and to the types of the core and of the state machine, which know nothing of it.

pub(super) mod kv;
mod raft;
mod snapshot;

pub(super) use raft::decoded as position_from_pb;
pub(super) use snapshot::{place_from_pb, place_to_pb};

use crate::{raft::RoleName, rpc::pb::v1::node_status::Role};

/// The role as `Status` shows it: a learner is a follower without a say.
pub(super) fn role_to_pb(role: Option<RoleName>, is_voter: bool) -> Role {
    match role {
        None => Role::Unknown,
        Some(RoleName::Follower) if !is_voter => Role::Learner,
        Some(RoleName::Follower) => Role::Follower,
        Some(RoleName::PreCandidate) => Role::PreCandidate,
        Some(RoleName::Candidate) => Role::Candidate,
        Some(RoleName::Leader) => Role::Leader,
    }
}
