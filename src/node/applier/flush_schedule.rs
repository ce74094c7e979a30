//! When changes of the state are made durable. The log is durable already: this bounds what a restart replays, and what
//! lies in memory.

use super::super::config::{Config, Retention};
use crate::raft::{Entry, Index};

/// Replicas apply the same entries at the same time. They take turns, so that not all flush at once.
const TURNS: usize = 5;

/// So many flushes' worth may wait while one is under way; then applying waits for it.
const WAITING_FLUSHES_MAX: usize = 2;

pub(super) struct FlushSchedule {
    retention: Retention,
    /// Applied since the last flush began, ahead by the node's turn.
    entries: usize,
    /// How far the first flush is ahead of its weight.
    bytes_ahead: usize,
    /// It is not to wait for more.
    is_urgent: bool,
    durable: Index,
}

impl FlushSchedule {
    /// For a state that is durable up to an index.
    pub(super) fn new(config: &Config, durable: Index) -> Self {
        let (retention, turn) = (config.retention, config.id as usize % TURNS);
        let (entries, bytes_ahead) =
            (retention.sync_entries / TURNS * turn, retention.sync_bytes / TURNS * turn);
        Self { retention, entries, bytes_ahead, is_urgent: false, durable }
    }

    /// The state is durable up to here.
    pub(super) fn durable(&self) -> Index {
        self.durable
    }

    pub(super) fn applied(&mut self, entries: &[Entry]) {
        self.entries += entries.len();
    }

    /// What was applied, and weighs so much in memory, is to be flushed as soon as no other flush is under way.
    pub(super) fn is_due(&self, bytes: usize) -> bool {
        self.is_urgent || self.weighs(bytes + self.bytes_ahead, 1)
    }

    /// What was applied is worth a flush of its own.
    pub(super) fn flush_soon(&mut self) {
        self.is_urgent = true;
    }

    /// The disk lags behind: applying is to wait.
    pub(super) fn is_full(&self, bytes: usize) -> bool {
        self.weighs(bytes, WAITING_FLUSHES_MAX)
    }

    fn weighs(&self, bytes: usize, flushes: usize) -> bool {
        let Retention { sync_entries, sync_bytes, .. } = self.retention;
        self.entries >= sync_entries.saturating_mul(flushes) || bytes >= sync_bytes.saturating_mul(flushes)
    }

    /// All that was applied is being flushed.
    pub(super) fn flushing(&mut self) {
        (self.entries, self.bytes_ahead, self.is_urgent) = (0, 0, false);
    }

    pub(super) fn flushed(&mut self, durable: Index) {
        self.durable = self.durable.max(durable);
    }
}
