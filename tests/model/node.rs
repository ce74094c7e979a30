//! One node: the core itself, and the host that carries out what it asks for.

use std::sync::Arc;

use conclave::raft::{Configuration, Entry, Index, NodeId, Options, Raft};
use conclave_checks::host::{Host, LogDisk, Output, Written};

/// A node that is always up. Its state machine never becomes durable, which is the worst case: after a crash it knows of no
/// entry that it is committed. So no log is ever compacted here.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Node(Host);

impl Node {
    pub(crate) fn new(id: NodeId, founders: Arc<Configuration>) -> Self {
        let mut host = Host::new(founders, LogDisk::default());
        host.start(options(id));
        Self(host)
    }

    /// The core takes an input. What follows from it, apart from the write, is handed back, with the configuration that
    /// was in force when the core counted: it may append the next one at once.
    pub(crate) fn step(&mut self, input: impl FnOnce(&mut Raft)) -> (Output, Arc<Configuration>) {
        self.0.input(input);
        let counted_by = self.core().configuration().clone();
        let effects = self.0.effects().expect("it is up");
        (self.0.carry_out(effects), counted_by)
    }

    /// The oldest write becomes durable.
    pub(crate) fn write(&mut self) -> Option<Written> {
        self.0.finish_write()
    }

    /// It dies, and comes up again with what is on its disk.
    pub(crate) fn crash(&mut self, writes_done: usize) {
        let id = self.core().id();
        self.0.crash(writes_done, false);
        self.0.start(options(id));
    }

    pub(crate) fn core(&self) -> &Raft {
        self.0.core().expect("it is up")
    }

    pub(crate) fn disk(&self) -> &LogDisk {
        self.0.disk()
    }

    /// The last entry that the state machine applied.
    pub(crate) fn applied(&self) -> Index {
        self.0.state().applied().last.index
    }

    /// The log in memory.
    pub(crate) fn log(&self) -> impl Iterator<Item = &Entry> {
        (1..=self.core().last().index).filter_map(|index| self.core().entry(index))
    }

    /// Whether an entry in memory has taken the place of one that is still on the disk.
    pub(crate) fn replaces_durable_entry(&self) -> bool {
        let is_replaced =
            |entry: &Entry| self.core().entry(entry.index).is_some_and(|present| present != entry);
        self.disk().log().iter().any(is_replaced)
    }

    pub(crate) fn holds(&self, entry: &Entry) -> bool {
        self.core().entry(entry.index) == Some(entry)
    }
}

/// Two ticks are an election timeout, for every node alike: with one span to draw from nothing is drawn, and the
/// choice when a node times out is the checker's. Nor does the seed name any reads, so that every start may have the
/// same one.
fn options(id: NodeId) -> Options {
    Options {
        heartbeat_ticks: 1,
        election_ticks_min: ELECTION_TICKS,
        election_ticks_max: ELECTION_TICKS,
        append_bytes_max: 1,
        seed: 0,
        ..Options::plain(id)
    }
}

pub(crate) const ELECTION_TICKS: u32 = 2;
