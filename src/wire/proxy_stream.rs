//! What crosses between a proxy and a node beside the requests and answers of the services: who leads, and refusals.

use std::collections::BTreeMap;

use super::pb::v1::{self, refusal::Reason, reply::Outcome};
use crate::raft::Term;
pub(crate) use crate::raft::{ClusterId, NodeId};

/// What a node says of the cluster: as true as the node's own knowledge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leadership {
    /// The node that says so.
    pub(crate) node: NodeId,
    /// The cluster that it surely belongs to. `None` while it does not know.
    pub(crate) cluster: Option<ClusterId>,
    pub(crate) term: Term,
    /// `None` while it knows none.
    pub(crate) leader: Option<NodeId>,
    /// Where the members are reached, as `host:port`.
    pub(crate) members: BTreeMap<NodeId, String>,
    /// Who votes.
    pub(crate) voters: Vec<NodeId>,
    /// Who voted until now, while a change of members is joint.
    pub(crate) outgoing: Vec<NodeId>,
}

impl From<v1::Leadership> for Leadership {
    fn from(wire: v1::Leadership) -> Self {
        Self {
            node: wire.node,
            cluster: (wire.cluster_id != 0).then_some(wire.cluster_id),
            term: wire.term,
            leader: (wire.leader != 0).then_some(wire.leader),
            members: wire.members.into_iter().map(|member| (member.id, member.address)).collect(),
            voters: wire.voters,
            outgoing: wire.outgoing,
        }
    }
}

/// Nothing was done, for this reason.
pub(crate) fn refusal(reason: Reason, message: impl Into<String>) -> Outcome {
    Outcome::Refusal(v1::Refusal { reason: reason.into(), message: message.into() })
}
