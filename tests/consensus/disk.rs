//! A disk that tells written from durable.

use std::collections::VecDeque;

use conclave::raft::{Configuration, Entry, Index, Persist, Position, Recovered, Vote};

/// The log's disk of one node: what is durable, and the writes on their way there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) vote: Vote,
    /// The entry of index `i` is at `i - 1`.
    pub(crate) log: Vec<Entry>,
    queue: VecDeque<Persist>,
}

impl Disk {
    pub(crate) fn new(vote: Vote, log: Vec<Entry>) -> Self {
        Self { vote, log, queue: VecDeque::new() }
    }

    pub(crate) fn enqueue(&mut self, write: Persist) {
        self.queue.push_back(write);
    }

    /// Makes the oldest write durable, and returns it.
    pub(crate) fn finish_oldest(&mut self) -> Option<Persist> {
        let write = self.queue.pop_front()?;
        if let Some(vote) = write.vote {
            self.vote = vote;
        }
        if let Some(first) = write.entries.first() {
            let kept = (first.index - 1) as usize;
            assert!(kept <= self.log.len(), "a write leaves a gap in the log before {}", first.index);
            self.log.truncate(kept);
            self.log.extend(write.entries.iter().cloned());
        }
        Some(write)
    }

    /// The power fails: what is not durable is gone.
    pub(crate) fn lose_pending(&mut self) {
        self.queue.clear();
    }

    /// What a node finds here when it starts.
    pub(crate) fn recover(&self, configuration: Configuration, applied: Index) -> Recovered {
        Recovered {
            vote: self.vote,
            base: Position::default(),
            configuration,
            entries: self.log.clone(),
            applied,
        }
    }
}
