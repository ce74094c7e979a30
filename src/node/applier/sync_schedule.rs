//! When the state is made durable. The log is durable already: this bounds what a restart replays.

use super::super::config::{Config, Retention};
use crate::raft::{Entry, Index};

/// Replicas apply the same entries at the same time. They take turns, so that not all stall at once.
const TURNS: usize = 5;

pub(super) struct SyncSchedule {
    retention: Retention,
    /// What was applied since the state was durable, ahead by the node's turn.
    entries: usize,
    bytes: usize,
    durable: Index,
}

impl SyncSchedule {
    /// For a state that is durable up to an index.
    pub(super) fn new(config: &Config, durable: Index) -> Self {
        let (retention, turn) = (config.retention, config.id as usize % TURNS);
        let (entries, bytes) = (retention.sync_entries / TURNS * turn, retention.sync_bytes / TURNS * turn);
        Self { retention, entries, bytes, durable }
    }

    /// The state is durable up to here.
    pub(super) fn durable(&self) -> Index {
        self.durable
    }

    /// These entries were applied. True: the state is to be made durable now.
    pub(super) fn is_due_after(&mut self, entries: &[Entry]) -> bool {
        self.entries += entries.len();
        self.bytes += entries.iter().map(Entry::size_bytes).sum::<usize>();
        self.entries >= self.retention.sync_entries || self.bytes >= self.retention.sync_bytes
    }

    pub(super) fn synced(&mut self, durable: Index) {
        (self.entries, self.bytes, self.durable) = (0, 0, durable);
    }
}
