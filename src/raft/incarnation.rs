//! A node that lost its disk is not the node that it was: its vote might contradict one that it gave before, and its log may
//! lack what it acknowledged. So nothing counts that comes from a directory other than the one by which the cluster knows it.
//!
//! The configuration records the incarnation of each member's data directory. A leader that hears a member of which there is no
//! record appends one; until then that member counts for nothing:
//!
//! - Its acknowledgements count from the record on. What commits by them commits the record too.
//! - Its votes and its answers to heartbeats do not count. A candidate goes by its own log: what it has no record of there may have
//!   been recorded elsewhere, and lost since.
//!
//! So wherever an acknowledgement or a vote of a directory ever mattered, a majority holds the record of it; whoever is elected
//! later holds it too, and refuses every other directory. (The founding entry records the first leader and those that elected it.)
//!
//! The price: a founder that no leader has heard yet cannot help to elect the second one.

use std::sync::Arc;

use super::{
    Body, Configuration, Incarnation, Index, Message, NodeId, Payload,
    raft::{Raft, Shared},
    role::Role,
};

impl Shared {
    /// A message of a member tells which directory it has.
    pub(super) fn note_incarnation(&mut self, Message { from, origin, .. }: &Message) {
        if origin.incarnation != 0 && self.configuration().contains(*from) {
            self.heard.insert(*from, origin.incarnation);
        }
    }

    /// The configuration with the records that it lacks; `None` if it lacks none.
    pub(super) fn with_records(&self) -> Option<Arc<Configuration>> {
        let configuration = self.configuration();
        let own = (self.options.id, self.options.incarnation);
        let known = self.heard.iter().map(|(id, incarnation)| (*id, *incarnation)).chain([own]);
        let lacking = |&(id, incarnation): &(NodeId, Incarnation)| {
            incarnation != 0 && configuration.contains(id) && !configuration.incarnations.contains_key(&id)
        };
        let mut new = known.filter(lacking).peekable();
        new.peek()?;
        let mut recorded = Configuration::clone(configuration);
        recorded.incarnations.extend(new);
        Some(recorded.into())
    }

    /// A member comes with another directory than the one on record.
    pub(super) fn is_exchanged(&self, from: NodeId, incarnation: Incarnation) -> bool {
        let recorded = self.configuration().incarnations.get(&from);
        recorded.is_some_and(|recorded| *recorded != incarnation)
    }

    /// Whether what a node says counts towards a quorum: it has the directory on record, or there are no records yet.
    pub(super) fn is_recorded(&self, from: NodeId) -> bool {
        let Configuration { cluster, incarnations, .. } = &**self.configuration();
        self.options.incarnation == 0 || *cluster == 0 || incarnations.contains_key(&from)
    }

    /// Whether an acknowledgement up to an index counts: the node holds the record of itself.
    pub(super) fn counts(&self, from: NodeId, matched: Index) -> bool {
        let is_record = |(_, configuration): &&(Index, Arc<Configuration>)| {
            configuration.incarnations.contains_key(&from)
        };
        self.options.incarnation == 0
            || self
                .configurations
                .iter()
                .find(is_record)
                .is_some_and(|(recorded_at, _)| *recorded_at <= matched)
    }
}

impl Raft {
    /// Records the directories of members that were heard. The quorums stay as they are, so this need not wait until an
    /// earlier configuration is committed: that may wait for the very members that are recorded.
    pub(super) fn record_incarnations(&mut self) {
        if let (Role::Leader(_), Some(recorded)) = (&self.role, self.shared.with_records()) {
            self.shared.append_own(Payload::Configuration(recorded));
        }
    }
}

/// What counts towards a quorum of votes, or of those who still follow a leader.
pub(super) fn is_counted(body: &Body) -> bool {
    matches!(
        body,
        Body::PreVoteResponse { granted: true }
            | Body::VoteResponse { granted: true }
            | Body::HeartbeatResponse { .. }
    )
}
