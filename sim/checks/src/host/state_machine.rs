//! A state machine that has nothing but a place in the log.

use std::sync::Arc;

use conclave::raft::{Configuration, Entry, Payload, Position, Snapshot};

/// How far a node has applied the log, and how far durably.
#[derive(Clone, Debug, Default, Hash)]
pub struct StateMachine {
    applied: Snapshot,
    durable: Snapshot,
}

impl StateMachine {
    pub(super) fn new(founders: Arc<Configuration>) -> Self {
        let nothing = Snapshot { last: Position::default(), configuration: founders };
        Self { applied: nothing.clone(), durable: nothing }
    }

    pub(super) fn apply(&mut self, entry: &Entry) {
        self.applied.last = entry.position();
        if let Payload::Configuration(configuration) = &entry.payload {
            self.applied.configuration = configuration.clone();
        }
    }

    pub(super) fn install(&mut self, snapshot: Snapshot) {
        self.applied = snapshot;
        self.sync();
    }

    pub(super) fn sync(&mut self) {
        self.durable = self.applied.clone();
    }

    pub(super) fn lose_unsynced(&mut self) {
        self.applied = self.durable.clone();
    }

    /// What it has applied.
    pub fn applied(&self) -> &Snapshot {
        &self.applied
    }

    /// What of that a crash does not undo.
    pub fn durable(&self) -> &Snapshot {
        &self.durable
    }
}
