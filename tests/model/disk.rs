//! A disk: what is durable, and the writes on their way there.

use std::{
    collections::VecDeque,
    hash::{Hash, Hasher},
    sync::Arc,
};

use conclave::raft::{Configuration, Entry, Index, InitialState, Persist, Position, Snapshot, Vote};

/// The log's disk of one node. No log is ever compacted here, so it begins with the first entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    pub(crate) vote: Vote,
    pub(crate) log: Vec<Entry>,
    under_way: VecDeque<Persist>,
}

impl Disk {
    pub(crate) fn enqueue(&mut self, write: Persist) {
        self.under_way.push_back(write);
    }

    pub(crate) fn writes_under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Makes the oldest write durable, and returns it.
    pub(crate) fn finish_oldest(&mut self) -> Option<Persist> {
        let write = self.under_way.pop_front()?;
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

    /// The power fails: so many of the writes under way were done, which nobody has heard of; the others are gone.
    pub(crate) fn fail(&mut self, done: usize) {
        for _ in 0..done {
            self.finish_oldest();
        }
        self.under_way.clear();
    }

    /// What the node finds here when it starts. Its state machine kept nothing, which is the worst case: it knows of
    /// no entry that it is committed.
    pub(crate) fn recover(&self, founders: Arc<Configuration>) -> InitialState {
        InitialState {
            vote: self.vote,
            compacted: Position::default(),
            entries: self.log.clone(),
            applied: Snapshot { last: Position::default(), configuration: founders.clone() },
            configuration: founders,
        }
    }

    pub(crate) fn holds(&self, entry: &Entry) -> bool {
        entry_at(&self.log, entry.index) == Some(entry)
    }

    pub(crate) fn last(&self) -> Position {
        self.log.last().map_or(Position::default(), Entry::position)
    }
}

fn entry_at(log: &[Entry], index: Index) -> Option<&Entry> {
    log.get((index - 1) as usize)
}

/// The tickets of the writes are left out: they only count, and the order of the writes stays.
impl Hash for Disk {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.vote, &self.log, self.under_way.len()).hash(state);
        for Persist { ticket: _, compacted, vote, entries, promises } in &self.under_way {
            (compacted, vote, entries, promises).hash(state);
        }
    }
}
