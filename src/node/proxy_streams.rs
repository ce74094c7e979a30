//! The open streams of proxies, which are told who leads and where the members are, whenever that changes.

use std::sync::Arc;

use super::reply::ReplySender;
use crate::{
    raft::{ClusterId, Configuration, NodeId, Raft, Term},
    wire::pb::v1,
};

#[derive(Default)]
pub(super) struct ProxyStreams {
    /// In the order in which they came.
    open: Vec<ReplySender>,
    told: Leadership,
}

/// What the streams were told last.
#[derive(Default)]
struct Leadership {
    node: NodeId,
    term: Term,
    leader: NodeId,
    cluster: ClusterId,
    members: Arc<Configuration>,
}

impl ProxyStreams {
    /// A stream begins. Those that ended are forgotten, however long the leadership stays as it is.
    pub(super) fn open(&mut self, replies: ReplySender) {
        self.open.retain(|stream| !stream.is_closed());
        if replies.lead(self.told.announcement()) {
            self.open.push(replies);
        }
    }

    /// Tells every stream who leads, if that is news.
    pub(super) fn announce(&mut self, core: &Raft, members: &Arc<Configuration>) {
        let (term, leader) = (core.term(), core.leader().unwrap_or(0));
        let cluster = core.origin().certain_cluster();
        let told = &self.told;
        if (told.term, told.leader, told.cluster) == (term, leader, cluster)
            && Arc::ptr_eq(&told.members, members)
        {
            return;
        }
        self.told = Leadership { node: core.id(), term, leader, cluster, members: members.clone() };
        let announcement = self.told.announcement();
        self.open.retain(|stream| stream.lead(announcement.clone()));
    }
}

impl Leadership {
    fn announcement(&self) -> v1::Leadership {
        let addresses = self.members.addresses.clone().into_iter();
        v1::Leadership {
            term: self.term,
            leader: self.leader,
            node: self.node,
            cluster_id: self.cluster,
            members: addresses.map(|(id, address)| v1::MemberAddress { id, address }).collect(),
            voters: self.members.voters.iter().copied().collect(),
            outgoing: self.members.outgoing.iter().copied().collect(),
        }
    }
}
