//! One node: the core itself, and the outside that carries out what it asks for.

use std::sync::Arc;

use conclave::raft::{Configuration, Effects, Entry, Index, NodeId, Options, Raft};

use crate::disk::Disk;

#[derive(Clone, Debug, Hash)]
pub(crate) struct Node {
    pub(crate) core: Raft,
    pub(crate) disk: Disk,
    /// The last entry that the state machine applied.
    pub(crate) applied: Index,
}

impl Node {
    pub(crate) fn new(id: NodeId, founders: Arc<Configuration>) -> Self {
        let disk = Disk::default();
        Self { core: Raft::new(options(id), disk.recover(founders)), disk, applied: 0 }
    }

    /// The core takes an input. What follows from it, apart from the write, is handed back, with the configuration that
    /// was in force when the core counted: it may append the next one at once.
    pub(crate) fn step(&mut self, input: impl FnOnce(&mut Raft)) -> (Effects, Arc<Configuration>) {
        input(&mut self.core);
        let counted_by = self.core.configuration().clone();
        let mut effects = self.core.effects();
        if let Some(write) = effects.persist.take() {
            self.disk.enqueue(write);
        }
        self.applied += effects.committed.len() as Index;
        (effects, counted_by)
    }

    /// It dies, and comes up again with what is on its disk.
    pub(crate) fn crash(&mut self, writes_done: usize, founders: Arc<Configuration>) {
        self.disk.fail(writes_done);
        self.core = Raft::new(options(self.core.id()), self.disk.recover(founders));
        self.applied = 0;
    }

    /// The log in memory.
    pub(crate) fn log(&self) -> impl Iterator<Item = &Entry> {
        (1..=self.core.last().index).filter_map(|index| self.core.entry(index))
    }

    /// Whether an entry in memory has taken the place of one that is still on the disk.
    pub(crate) fn replaces_durable_entry(&self) -> bool {
        let is_replaced =
            |entry: &Entry| self.core.entry(entry.index).is_some_and(|present| present != entry);
        self.disk.log.iter().any(is_replaced)
    }

    pub(crate) fn holds(&self, entry: &Entry) -> bool {
        self.core.entry(entry.index) == Some(entry)
    }
}

/// Two ticks are an election timeout, for every node alike: with one span to draw from nothing is drawn, and the
/// choice when a node times out is the checker's. Nor does the seed name any reads, so that every start may have the
/// same one.
fn options(id: NodeId) -> Options {
    Options {
        id,
        heartbeat_ticks: 1,
        election_ticks_min: ELECTION_TICKS,
        election_ticks_max: ELECTION_TICKS,
        priority: 0,
        append_bytes_max: 1,
        log_entries_max: usize::MAX,
        log_bytes_max: usize::MAX,
        catching_up_entries: 0,
        lease: None,
        seed: 0,
    }
}

pub(crate) const ELECTION_TICKS: u32 = 2;
