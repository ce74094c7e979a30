//! What an oracle is told of the nodes. Whatever a history does not lie about goes its lawful way here.

use conclave::raft::{
    Body, Effects, Entry, Index, Message, NodeId, Origin, Persist, Position, Raft, Snapshot, Term, Vote,
};

use super::node::{ELECTION_TICKS, Node, entries, founders, node, nothing};
use crate::{Oracle, observation::View};

pub(super) struct Cluster {
    pub(super) oracle: Oracle,
}

/// Its histories begin in the middle, which no specification allows.
impl Default for Cluster {
    fn default() -> Self {
        Self { oracle: Oracle::without_specification() }
    }
}

/// Disks, and cores that come up.
impl Cluster {
    /// A disk holds a write from now on.
    pub(super) fn stores(&self, id: NodeId, write: &Persist) {
        self.oracle.persisted(id, write);
    }

    pub(super) fn stores_vote(&self, id: NodeId, term: Term, candidate: impl Into<Option<NodeId>>) {
        let vote = Some(Vote { term, candidate: candidate.into() });
        self.stores(id, &Persist { vote, ..nothing() });
    }

    pub(super) fn stores_entries(&self, id: NodeId, entries: Vec<Entry>) {
        self.stores(id, &Persist { entries, ..nothing() });
    }

    /// A node comes up, and finds this.
    pub(super) fn starts(&self, node: &Node) -> Raft {
        self.starts_with_state(node, None)
    }

    /// A node comes up, and finds this, and a state at an index that has a hash.
    pub(super) fn starts_with_state(&self, node: &Node, state: Option<(Index, u64)>) -> Raft {
        let core = node.core();
        self.oracle.started(&core, state);
        core
    }

    /// A node comes up with what its disk holds.
    pub(super) fn boots(&self, node: &Node) -> Raft {
        self.stores(node.id, &node.write());
        self.starts(node)
    }
}

/// Steps of cores.
impl Cluster {
    /// A core takes a step, and the oracle sees it as it is.
    pub(super) fn steps(&self, core: &mut Raft) -> Effects {
        let effects = core.effects();
        self.oracle.stepped(core, &effects);
        effects
    }

    /// The oracle sees a core that has nothing to do.
    pub(super) fn sees(&self, core: &Raft) {
        self.oracle.stepped(core, &Effects::default());
    }

    /// The oracle sees a core that shows something else than it is: what no core can be made to be, for it asserts that it
    /// is not.
    pub(super) fn sees_altered(&self, core: &Raft, alter: impl FnOnce(&mut View)) {
        let mut view = View::of(core);
        alter(&mut view);
        self.oracle.inner().step(core, &Effects::default(), view);
    }

    /// A node wins the election for its next term. Those who vote for it have stored that; the others have only said so.
    pub(super) fn elects(&self, node: &Node, voters: &[NodeId]) -> Raft {
        let mut core = self.boots(node);
        (0..ELECTION_TICKS).for_each(|_| core.tick());
        let (id, term) = (core.id(), core.term() + 1);
        let peers: Vec<NodeId> = core.configuration().members().filter(|&peer| peer != id).collect();
        let message = |from, body| Message { from, to: id, origin: Origin::default(), term, body };
        peers.iter().for_each(|&peer| core.step(message(peer, Body::PreVoteResponse { granted: true })));
        self.finishes_step(&mut core);
        voters.iter().for_each(|&voter| self.stores_vote(voter, term, id));
        peers.iter().for_each(|&peer| core.step(message(peer, Body::VoteResponse { granted: true })));
        self.finishes_step(&mut core);
        assert!(core.is_leader(), "it was elected");
        core
    }

    /// A step whose write reaches the disk at once.
    fn finishes_step(&self, core: &mut Raft) {
        if let Some(write) = self.steps(core).persist {
            self.stores(core.id(), &write);
            core.persisted(write.ticket);
        }
    }

    /// Entries of these terms are on the disks of nodes 1 and 2, which run in the term of the last one. Node 2 knows that all
    /// of them are committed.
    pub(super) fn commits(&self, terms: &[Term]) {
        let term = *terms.last().expect("some entries");
        self.sees(&self.boots(&node(1).term(term).log(terms)));
        let core = self.boots(&node(2).term(term).log(terms).commit(terms.len() as Index));
        self.sees(&core);
    }
}

/// State machines.
impl Cluster {
    pub(super) fn applies(&self, id: NodeId, first: Index, terms: &[Term], state_hash: u64) {
        self.oracle.applied(id, &entries(first, terms), state_hash);
    }

    pub(super) fn installs(&self, id: NodeId, last: Position, state_hash: u64) {
        self.oracle.installed(id, &Snapshot { last, configuration: founders() }, state_hash);
    }
}

/// The leader of a term sends entries of that term.
pub(super) fn append(
    from: NodeId,
    to: NodeId,
    previous: Position,
    entries: Vec<Entry>,
    commit: Index,
) -> Message {
    let term = entries.last().map_or(previous.term, |entry| entry.term);
    Message {
        from,
        to,
        origin: Origin::default(),
        term,
        body: Body::AppendRequest { previous, entries, commit },
    }
}

pub(super) fn heartbeat(from: NodeId, to: NodeId, term: Term) -> Message {
    Message {
        from,
        to,
        origin: Origin::default(),
        term,
        body: Body::HeartbeatRequest { commit: 0, round: 1 },
    }
}

pub(super) fn at(index: Index, term: Term) -> Position {
    Position { term, index }
}
