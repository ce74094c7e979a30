//! A disk that tells written from durable, and a state machine that has nothing but a place.

use std::{collections::VecDeque, sync::Arc};

use conclave::raft::{Base, Configuration, Entry, Payload, Persist, Position, Recovered, Snapshot, Vote};

/// The log's disk of one node: what is durable, and the writes on their way there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) vote: Vote,
    base: Option<Base>,
    /// The entries after the base.
    pub(crate) log: Vec<Entry>,
    queue: VecDeque<Persist>,
}

impl Disk {
    pub(crate) fn new(vote: Vote, log: Vec<Entry>) -> Self {
        Self { vote, log, ..Self::default() }
    }

    pub(crate) fn enqueue(&mut self, write: Persist) {
        self.queue.push_back(write);
    }

    /// Makes the oldest write durable, and returns it.
    pub(crate) fn finish_oldest(&mut self) -> Option<Persist> {
        let write = self.queue.pop_front()?;
        if let Some(base) = &write.base {
            self.rebase(base);
        }
        if let Some(vote) = write.vote {
            self.vote = vote;
        }
        if let Some(first) = write.entries.first() {
            let kept = (first.index - self.base().index - 1) as usize;
            assert!(kept <= self.log.len(), "a write leaves a gap in the log before {}", first.index);
            self.log.truncate(kept);
            self.log.extend(write.entries.iter().cloned());
        }
        Some(write)
    }

    fn rebase(&mut self, base: &Base) {
        let kept = self.log.iter().any(|entry| entry.position() == base.position);
        self.log.retain(|entry| kept && entry.index > base.position.index);
        self.base = Some(base.clone());
    }

    pub(crate) fn base(&self) -> Position {
        self.base.as_ref().map_or(Position::default(), |base| base.position)
    }

    /// Everything written is durable.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// The power fails: what is not durable is gone.
    pub(crate) fn lose_pending(&mut self) {
        self.queue.clear();
    }

    /// What a node finds here when it starts. A log that was never compacted begins with the founders.
    pub(crate) fn recover(&self, founders: Arc<Configuration>, state: &State) -> Recovered {
        Recovered {
            vote: self.vote,
            base: self.base(),
            configuration: self.base.as_ref().map_or(founders, |base| base.configuration.clone()),
            entries: self.log.clone(),
            applied: state.durable.clone(),
        }
    }
}

/// How far a node has applied the log, and how far durably.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) applied: Snapshot,
    pub(crate) durable: Snapshot,
}

impl State {
    /// The state of a new node, in a cluster of these founders.
    pub(crate) fn new(founders: Arc<Configuration>) -> Self {
        let nothing = Snapshot { last: Position::default(), configuration: founders };
        Self { applied: nothing.clone(), durable: nothing }
    }

    pub(crate) fn apply(&mut self, entry: &Entry) {
        self.applied.last = entry.position();
        if let Payload::Configuration(configuration) = &entry.payload {
            self.applied.configuration = configuration.clone();
        }
    }

    pub(crate) fn install(&mut self, snapshot: Snapshot) {
        self.applied = snapshot;
        self.sync();
    }

    pub(crate) fn sync(&mut self) {
        self.durable = self.applied.clone();
    }

    /// The power fails.
    pub(crate) fn lose_unsynced(&mut self) {
        self.applied = self.durable.clone();
    }
}
