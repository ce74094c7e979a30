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
//!
//! A cluster that was restored from a backup has an id and no records yet. It begins as one that is founded: all members count until
//! the first leader, whose first entry records it and those that elected it.

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
        self.options.incarnation == 0
            || *cluster == 0
            || incarnations.is_empty()
            || incarnations.contains_key(&from)
    }

    /// What the first leader of a restored cluster enters into the log; `None` if there are records.
    pub(super) fn first_records(&self) -> Option<Arc<Configuration>> {
        self.configuration().incarnations.is_empty().then(|| self.with_records()).flatten()
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::raft::{InitialState, Options, Position, RoleName, Snapshot, Vote};

    const RESTORED_AT: Position = Position { term: 4, index: 9 };

    /// Nodes 1 to 3 of a cluster that was restored from a backup: it has an id, and no records.
    fn restored() -> BTreeMap<NodeId, Raft> {
        let configuration = Arc::new(Configuration { cluster: 7, ..Configuration::of([1, 2, 3]) });
        let new = |id| {
            let options = Options { incarnation: 200 + id, seed: id, ..Options::plain(id) };
            let initial = InitialState {
                vote: Vote { term: RESTORED_AT.term, candidate: None },
                compacted: RESTORED_AT,
                configuration: configuration.clone(),
                applied: Snapshot { last: RESTORED_AT, configuration: configuration.clone() },
                ..InitialState::default()
            };
            (id, Raft::new(options, initial))
        };
        [1, 2, 3].map(new).into()
    }

    /// Delivers messages and makes writes durable until nothing moves; what leads to or comes from `cut_off` is lost.
    fn settle(nodes: &mut BTreeMap<NodeId, Raft>, cut_off: NodeId) {
        const ROUNDS_MAX: u32 = 1_000;
        for _ in 0..ROUNDS_MAX {
            let mut messages = Vec::new();
            for core in nodes.values_mut() {
                let effects = core.effects();
                messages.extend(effects.messages);
                if let Some(persist) = effects.persist {
                    core.persisted(persist.ticket);
                    messages.extend(persist.promises);
                }
            }
            if messages.is_empty() {
                return;
            }
            messages.retain(|message| message.from != cut_off && message.to != cut_off);
            messages
                .into_iter()
                .for_each(|message| nodes.get_mut(&message.to).expect("one of them").step(message));
        }
        panic!("they never fall silent");
    }

    fn elect(nodes: &mut BTreeMap<NodeId, Raft>, id: NodeId, cut_off: NodeId) {
        for _ in 0..100 {
            nodes.get_mut(&id).expect("one of them").tick();
            settle(nodes, cut_off);
        }
    }

    #[test]
    fn a_restored_cluster_elects_a_leader_and_records_who_elected_it() {
        let mut nodes = restored();
        elect(&mut nodes, 1, 3);
        let leader = &nodes[&1];
        assert_eq!((leader.role(), leader.term()), (RoleName::Leader, RESTORED_AT.term + 1));
        assert!(leader.commit() > RESTORED_AT.index, "its first entry is committed");
        let records = |id: NodeId| nodes[&id].configuration().incarnations.clone();
        assert_eq!(records(1), [(1, 201), (2, 202)].into());
        assert_eq!(records(2), records(1));
        let first = leader.shared.configuration_at(RESTORED_AT.index + 1);
        assert_eq!(first.incarnations, records(1), "no entry is there before the records");
        assert_eq!(nodes[&1].origin().certain_cluster(), 7, "it keeps its id");
    }

    /// The operator restores one of its nodes once more, after its disk was lost: it has forgotten what it acknowledged.
    #[test]
    fn a_node_that_is_restored_once_more_is_not_the_one_on_record() {
        let mut nodes = restored();
        elect(&mut nodes, 1, 3);
        let mut again = restored().remove(&2).expect("it is one of them");
        again.shared.options.incarnation = 999;
        nodes.insert(2, again);
        let term = nodes[&1].term();
        elect(&mut nodes, 2, 3);
        assert_ne!(nodes[&2].role(), RoleName::Leader);
        assert_eq!(nodes[&1].term(), term, "nobody listens to it");
        assert!(nodes[&1].shared.is_exchanged(2, 999));
    }

    #[test]
    fn whoever_is_not_on_record_counts_only_where_nobody_can_be() {
        let mut core = restored().remove(&1).expect("it is one of them");
        let mut counts = |incarnation, cluster, recorded: &[NodeId]| {
            core.shared.options.incarnation = incarnation;
            let incarnations = recorded.iter().map(|&id| (id, 200 + id)).collect();
            let configuration = Configuration { cluster, incarnations, ..Configuration::of([1, 2, 3]) };
            core.shared.configurations = vec![(RESTORED_AT.index, configuration.into())];
            core.shared.is_recorded(2)
        };
        assert!(!counts(201, 7, &[1, 3]));
        assert!(counts(201, 7, &[1, 2]), "it is on record");
        assert!(counts(201, 7, &[]), "there are no records yet");
        assert!(counts(201, 0, &[1, 3]), "the cluster was not founded yet");
        assert!(counts(0, 7, &[1, 3]), "this node keeps no records");
    }

    #[test]
    fn an_acknowledgement_counts_where_it_holds_the_record_of_its_directory() {
        let mut core = restored().remove(&1).expect("it is one of them");
        let of = |recorded: &[NodeId]| {
            let incarnations = recorded.iter().map(|&id| (id, 200 + id)).collect();
            Arc::new(Configuration { cluster: 7, incarnations, ..Configuration::of([1, 2, 3]) })
        };
        core.shared.configurations = vec![(9, of(&[1])), (12, of(&[1, 2]))];
        let counts = |id, matched| core.shared.counts(id, matched);
        assert!(counts(1, 9));
        assert!(!counts(2, 11), "it may be lost with the record, and come back as another one");
        assert!(counts(2, 12));
        assert!(!counts(3, 20), "it is on no record");
        core.shared.options.incarnation = 0;
        assert!(core.shared.counts(3, 9), "this node keeps no records");
    }
}
