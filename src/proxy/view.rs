//! What the edge publishes of the core, for the services that ask nodes themselves.

use super::core::{KnownNode, Router};
use crate::wire::{CallError, ClusterId, etcd};

/// The cluster as this proxy sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    /// The cluster that this proxy works for; 0 while that is not decided.
    pub(super) cluster_id: ClusterId,
    /// The open session; 0 if there is none.
    pub(super) session: u64,
    /// Calls that wait for an answer, the core's own request included.
    pub(super) outstanding: usize,
    pub(super) nodes: Vec<KnownNode>,
    pub(super) leader: Option<LeaderView>,
    /// How the cluster looks from here, for an operator who wonders why nothing works.
    pub(super) diagnosis: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeaderView {
    pub(super) id: u64,
    pub(super) term: u64,
    /// Where it is reached, if there is a link to it.
    pub(super) address: Option<String>,
}

impl View {
    /// Nobody can serve what a leader is needed for.
    pub(super) fn no_leader(&self) -> CallError {
        CallError::etcd(etcd::NO_LEADER, self.diagnosis.as_str())
    }

    /// Calls that only the leader can serve get there.
    pub(super) fn reaches_leader(&self) -> bool {
        self.leader.as_ref().is_some_and(|leader| leader.address.is_some())
    }

    pub(super) fn of(router: &Router) -> Self {
        Self {
            cluster_id: router.cluster().unwrap_or(0),
            session: router.session(),
            outstanding: router.outstanding(),
            nodes: router.nodes(),
            diagnosis: router.diagnosis(),
            leader: router.leader().map(|(leader, address)| LeaderView {
                id: leader.node,
                term: leader.term,
                address: address.map(str::to_owned),
            }),
        }
    }
}
