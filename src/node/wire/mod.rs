//! Protobuf from and to the types of the core and of the state machine, which know nothing of it.

pub(super) mod kv;
mod raft;

use crate::{raft::RoleName, rpc::pb::v1::node_status::Role};

/// The role as `Status` shows it: a learner is a follower without a say.
pub(super) fn role_to_pb(role: Option<RoleName>, is_learner: bool) -> Role {
    match role {
        None => Role::Unknown,
        Some(RoleName::Follower) if is_learner => Role::Learner,
        Some(RoleName::Follower) => Role::Follower,
        Some(RoleName::PreCandidate) => Role::PreCandidate,
        Some(RoleName::Candidate) => Role::Candidate,
        Some(RoleName::Leader) => Role::Leader,
    }
}
