//! A node as its status shows it.

use std::sync::Arc;

use super::report::Scrubbed;
use crate::{
    kv::Header,
    raft::{Configuration, Index, NodeId, Origin, PeerView, Raft, RoleName, Term},
    wire::{self, pb::v1},
};

/// What the event loop publishes after every step.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeView {
    role: Option<RoleName>,
    pub(super) configuration: Arc<Configuration>,
    pub(super) origin: Origin,
    term: Term,
    leader: Option<NodeId>,
    compacted: Index,
    last: Index,
    commit: Index,
    header: Header,
    scrubbed: Scrubbed,
    peers: Vec<PeerView>,
}

impl NodeView {
    pub(super) fn of(
        core: &Raft,
        header: &Header,
        scrubbed: Scrubbed,
        configuration: &Arc<Configuration>,
    ) -> Self {
        Self {
            role: Some(core.role()),
            configuration: configuration.clone(),
            origin: core.origin(),
            term: core.term(),
            leader: core.leader(),
            compacted: core.compacted().index,
            last: core.last().index,
            commit: core.commit(),
            header: header.clone(),
            scrubbed,
            peers: core.peers(),
        }
    }

    /// The row of `conclave status` for this node, which is reached at `address`.
    pub(super) fn into_status(
        self,
        id: NodeId,
        priority: u32,
        address: String,
        refused: Vec<v1::RefusalCount>,
    ) -> v1::NodeStatus {
        v1::NodeStatus {
            id,
            address,
            reachable: true,
            role: wire::role_to_pb(self.role, self.configuration.is_voter(id)).into(),
            term: self.term,
            leader: self.leader.unwrap_or(0),
            last_index: self.last,
            commit_index: self.commit,
            applied_index: self.header.applied_index,
            state_hash: self.header.state_hash(),
            revision: self.header.revision,
            priority,
            compacted_index: self.compacted,
            configuration: Some((&*self.configuration).into()),
            scrubbed_at_ms: self.scrubbed.unix_ms,
            scrubbed_records: self.scrubbed.records,
            peers: self.peers.into_iter().map(wire::peer_to_pb).collect(),
            refused,
            compacted_revision: self.header.compacted_revision,
            state_bytes: self.header.content.bytes,
            out_of_space: self.header.is_out_of_space,
        }
    }
}
