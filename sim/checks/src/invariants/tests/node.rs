//! A node as it is found on its disk, and the core that comes up with it.

use std::sync::Arc;

use conclave::raft::{
    Compacted, Configuration, Entry, Index, InitialState, Lease, NodeId, Options, Payload, Persist, Position,
    Raft, Snapshot, Term, Vote,
};

pub(super) const ELECTION_TICKS: u32 = 2;

/// The founders: three voters, as entry 1 says.
pub(super) fn founders() -> Arc<Configuration> {
    Arc::new(Configuration::of([1, 2, 3]))
}

/// Entry 1 has the founding configuration, all others are empty.
pub(super) fn entry(index: Index, term: Term) -> Entry {
    let payload = if index == 1 { Payload::Configuration(founders()) } else { Payload::Noop };
    Entry { term, index, payload }
}

/// Entries of these terms from an index on.
pub(super) fn entries(first: Index, terms: &[Term]) -> Vec<Entry> {
    (first..).zip(terms).map(|(index, &term)| entry(index, term)).collect()
}

/// The same place in the log, and something else there.
pub(super) fn command(index: Index, term: Term) -> Entry {
    Entry { term, index, payload: Payload::Command(Arc::from(*b"x")) }
}

pub(super) fn change(index: Index, term: Term, configuration: Configuration) -> Entry {
    Entry { term, index, payload: Payload::Configuration(Arc::new(configuration)) }
}

/// What a node is found with: nothing, unless it is said.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) id: NodeId,
    lease: Option<Lease>,
    found: InitialState,
}

pub(super) fn node(id: NodeId) -> Node {
    let applied = Snapshot { configuration: founders(), ..Snapshot::default() };
    Node {
        id,
        lease: None,
        found: InitialState { configuration: founders(), applied, ..InitialState::default() },
    }
}

impl Node {
    /// It takes this for the cluster, before its log says otherwise.
    pub(super) fn configured(mut self, configuration: Configuration) -> Self {
        self.found.configuration = Arc::new(configuration);
        self
    }

    /// Its term, in which it has not voted.
    pub(super) fn term(self, term: Term) -> Self {
        self.vote(term, None)
    }

    pub(super) fn vote(mut self, term: Term, candidate: impl Into<Option<NodeId>>) -> Self {
        self.found.vote = Vote { term, candidate: candidate.into() };
        self
    }

    /// A log of entries of these terms.
    pub(super) fn log(self, terms: &[Term]) -> Self {
        let first = self.found.compacted.index + 1;
        self.entries(entries(first, terms))
    }

    pub(super) fn entries(mut self, entries: Vec<Entry>) -> Self {
        self.found.entries = entries;
        self
    }

    /// It knows that its log is committed up to an index, for its state machine stands there.
    pub(super) fn commit(mut self, index: Index) -> Self {
        let entry = self.found.entries.iter().find(|entry| entry.index == index);
        self.found.applied.last = entry.map_or(self.found.compacted, Entry::position);
        self
    }

    /// Its log begins after this entry, as of which the configuration was this one.
    pub(super) fn compacted(mut self, index: Index, term: Term, configuration: Arc<Configuration>) -> Self {
        self.found.compacted = Position { term, index };
        self.found.configuration = configuration;
        self.found.entries.retain(|entry| entry.index > index);
        self.found.applied.last = self.found.applied.last.max(self.found.compacted);
        self
    }

    /// It reads by lease.
    pub(super) fn leasing(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    /// The core that comes up with it.
    pub(super) fn core(&self) -> Raft {
        Raft::new(Options { lease: self.lease, ..options(self.id) }, self.found.clone())
    }

    /// The write that puts all of it on an empty disk.
    pub(super) fn write(&self) -> Persist {
        let InitialState { vote, compacted, configuration, entries, .. } = self.found.clone();
        let compacted = (compacted.index > 0).then_some(Compacted { position: compacted, configuration });
        Persist { compacted, vote: Some(vote), entries, ..nothing() }
    }
}

/// A write of nothing.
pub(super) fn nothing() -> Persist {
    Persist { ticket: 1, compacted: None, vote: None, entries: Vec::new(), promises: Vec::new() }
}

fn options(id: NodeId) -> Options {
    Options {
        heartbeat_ticks: 1,
        election_ticks_min: ELECTION_TICKS,
        election_ticks_max: ELECTION_TICKS,
        ..Options::plain(id)
    }
}
