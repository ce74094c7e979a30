//! A disk that tells written from durable.

use std::{
    collections::VecDeque,
    hash::{Hash, Hasher},
    sync::Arc,
};

use conclave::raft::{Compacted, Configuration, Entry, Index, Message, Persist, Position, Vote};

/// The log's disk of one node: what is durable, and the writes on their way there.
#[derive(Clone, Debug, Default)]
pub struct LogDisk {
    vote: Vote,
    compacted: Option<Compacted>,
    /// The entries after the compacted position.
    log: Vec<Entry>,
    /// Oldest first.
    under_way: VecDeque<Persist>,
}

/// A write that became durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What the core is to be told, through [`conclave::raft::Raft::persisted`].
    pub ticket: u64,
    /// The messages that may leave now.
    pub promises: Vec<Message>,
}

impl LogDisk {
    /// A disk that holds a vote and a log from its first entry on.
    pub fn new(vote: Vote, log: Vec<Entry>) -> Self {
        Self { vote, log, ..Self::default() }
    }

    pub(super) fn enqueue(&mut self, write: Persist) {
        self.under_way.push_back(write);
    }

    pub(super) fn finish_write(&mut self) -> Option<Written> {
        let Persist { ticket, compacted, vote, entries, promises } = self.under_way.pop_front()?;
        if let Some(compacted) = compacted {
            self.begin_after(compacted);
        }
        self.vote = vote.unwrap_or(self.vote);
        if let Some(first) = entries.first() {
            let kept = (first.index - self.compacted().index - 1) as usize;
            assert!(kept <= self.log.len(), "a write leaves a gap in the log before {}", first.index);
            self.log.truncate(kept);
            self.log.extend(entries);
        }
        Some(Written { ticket, promises })
    }

    fn begin_after(&mut self, compacted: Compacted) {
        let Position { index, .. } = compacted.position;
        let gone = match self.position_at(index) == Some(compacted.position) {
            true => (index - self.compacted().index) as usize,
            false => self.log.len(),
        };
        self.log.drain(..gone);
        self.compacted = Some(compacted);
    }

    pub(super) fn lose_writes(&mut self) {
        self.under_way.clear();
    }

    /// Where the log begins, and the configuration as of there. A log that was never compacted begins with the founders.
    pub(super) fn beginning(&self, founders: &Arc<Configuration>) -> (Position, Arc<Configuration>) {
        match &self.compacted {
            Some(Compacted { position, configuration }) => (*position, configuration.clone()),
            None => (Position::default(), founders.clone()),
        }
    }

    pub fn vote(&self) -> Vote {
        self.vote
    }

    /// What came before is compacted, or was never here.
    pub fn compacted(&self) -> Position {
        self.compacted.as_ref().map_or(Position::default(), |compacted| compacted.position)
    }

    /// The durable entries after the compacted position.
    pub fn log(&self) -> &[Entry] {
        &self.log
    }

    /// The end of what is durable.
    pub fn last(&self) -> Position {
        self.log.last().map_or(self.compacted(), Entry::position)
    }

    /// Whether an entry after the compacted position is durable.
    pub fn holds(&self, entry: &Entry) -> bool {
        let offset = entry.index.checked_sub(self.compacted().index + 1);
        offset.and_then(|offset| self.log.get(offset as usize)) == Some(entry)
    }

    fn position_at(&self, index: Index) -> Option<Position> {
        match index.checked_sub(self.compacted().index)? {
            0 => Some(self.compacted()),
            offset => self.log.get(offset as usize - 1).map(Entry::position),
        }
    }

    /// The write that becomes durable next.
    pub fn oldest_write(&self) -> Option<&Persist> {
        self.under_way.front()
    }

    pub fn writes_under_way(&self) -> usize {
        self.under_way.len()
    }
}

/// Tickets are left out: they only count, and the order of the writes stays. The model checker must not take two disks for
/// different because one of them wrote more often.
impl Hash for LogDisk {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.vote, &self.compacted, &self.log, self.under_way.len()).hash(state);
        for Persist { ticket: _, compacted, vote, entries, promises } in &self.under_way {
            (compacted, vote, entries, promises).hash(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use conclave::raft::Payload;

    use super::*;

    fn entry(term: u64, index: u64) -> Entry {
        Entry { term, index, payload: Payload::Noop }
    }

    fn write(compacted: Option<Position>, entries: Vec<Entry>) -> Persist {
        let compacted = compacted.map(|position| Compacted { position, configuration: Arc::default() });
        Persist { ticket: 1, compacted, vote: None, entries, promises: Vec::new() }
    }

    fn disk() -> LogDisk {
        LogDisk::new(Vote::default(), vec![entry(1, 1), entry(1, 2), entry(2, 3)])
    }

    fn written(write: Persist) -> LogDisk {
        let mut disk = disk();
        disk.enqueue(write);
        disk.finish_write();
        disk
    }

    #[test]
    fn a_write_replaces_what_the_log_holds_from_its_first_entry_on() {
        let disk = written(write(None, vec![entry(3, 2)]));
        assert_eq!(disk.log(), [entry(1, 1), entry(3, 2)]);
    }

    #[test]
    fn a_compacted_position_that_the_log_holds_keeps_what_follows() {
        let disk = written(write(Some(Position { term: 1, index: 2 }), vec![]));
        assert_eq!((disk.compacted().index, disk.log()), (2, &[entry(2, 3)][..]));
    }

    #[test]
    fn a_compacted_position_that_the_log_does_not_hold_keeps_nothing() {
        for position in [Position { term: 2, index: 2 }, Position { term: 2, index: 9 }] {
            let disk = written(write(Some(position), vec![]));
            assert_eq!((disk.last(), disk.log().len()), (position, 0));
        }
    }

    #[test]
    fn what_is_under_way_is_lost() {
        let mut disk = disk();
        disk.enqueue(write(None, vec![entry(2, 4)]));
        disk.lose_writes();
        assert_eq!((disk.last().index, disk.finish_write()), (3, None));
    }

    #[test]
    #[should_panic(expected = "a write leaves a gap in the log before 5")]
    fn a_gap_is_refused() {
        written(write(None, vec![entry(2, 5)]));
    }
}
