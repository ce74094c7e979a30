//! The log as the core sees it: what was compacted away, then consecutive entries in memory.

use std::collections::VecDeque;

use super::{Entry, Index, Position, Term};

/// Invariants: `entries` are consecutive and follow `compacted`; their terms never decrease.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Log {
    /// The last position that is gone; everything up to it is committed and part of the state.
    compacted: Position,
    entries: VecDeque<Entry>,
    /// What the entries weigh together.
    bytes: usize,
}

impl Log {
    pub(super) fn new(compacted: Position, entries: Vec<Entry>) -> Self {
        let mut log = Self { compacted, entries: VecDeque::with_capacity(entries.len()), bytes: 0 };
        for entry in entries {
            log.push(entry);
        }
        log
    }

    pub(super) fn last(&self) -> Position {
        self.entries.back().map_or(self.compacted, Entry::position)
    }

    /// The term of the entry at an index. `None` when it is compacted or beyond the end: an absent entry has no
    /// term at all, rather than a term 0 that might compare equal to something.
    pub(super) fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.compacted.index {
            return Some(self.compacted.term);
        }
        self.get(index).map(|entry| entry.term)
    }

    pub(super) fn matches(&self, position: Position) -> bool {
        self.term_at(position.index) == Some(position.term)
    }

    /// Whether the log is known to hold another entry there.
    pub(super) fn contradicts(&self, position: Position) -> bool {
        self.term_at(position.index).is_some_and(|term| term != position.term)
    }

    pub(super) fn get(&self, index: Index) -> Option<&Entry> {
        let offset = index.checked_sub(self.compacted.index + 1)?;
        self.entries.get(usize::try_from(offset).ok()?)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        let last = self.last();
        assert_eq!(entry.index, last.index + 1, "entries are consecutive");
        assert!(entry.term >= last.term, "terms never decrease along the log");
        self.bytes += entry.size_bytes();
        self.entries.push_back(entry);
    }

    /// The log begins after `position` from now on. The entries beyond stay if it is one of the log's (true), else
    /// none does.
    pub(super) fn compact(&mut self, position: Position) -> bool {
        let kept = self.matches(position);
        let gone = if kept { (position.index - self.compacted.index) as usize } else { self.entries.len() };
        self.bytes -= self.entries.drain(..gone).map(|entry| entry.size_bytes()).sum::<usize>();
        self.compacted = position;
        kept
    }

    /// The position at an index, which the log holds.
    pub(super) fn position_at(&self, index: Index) -> Position {
        Position { term: self.term_at(index).expect("the log holds it"), index }
    }

    /// Drops the entries from `index` on.
    pub(super) fn truncate(&mut self, index: Index) {
        assert!(index > self.compacted.index, "what is compacted is committed and never truncated");
        let kept = (index - self.compacted.index - 1) as usize;
        let gone = self.entries.drain(kept.min(self.entries.len())..);
        self.bytes -= gone.map(|entry| entry.size_bytes()).sum::<usize>();
    }

    /// Where the log would begin if it forgot its oldest entries as far as they exceed the limits, but at most `step`.
    pub(super) fn excess(&self, entries_max: usize, bytes_max: usize, step: usize) -> Index {
        let (mut count, mut bytes, mut index) = (self.entries.len(), self.bytes, self.compacted.index);
        for entry in self.entries.iter().take(step) {
            if count <= entries_max && bytes <= bytes_max {
                break;
            }
            count -= 1;
            bytes -= entry.size_bytes();
            index = entry.index;
        }
        index
    }

    /// Whether a log that exceeds no limit still holds all entries after an index.
    pub(super) fn keeps(&self, index: Index, entries_max: usize, bytes_max: usize) -> bool {
        let last = self.last().index;
        let is_held = self.compacted.index <= index && index <= last;
        is_held
            && (last - index) as usize <= entries_max
            && self.range(index + 1, last).map(Entry::size_bytes).sum::<usize>() <= bytes_max
    }

    /// Consecutive entries from `from` on: as many as fit into `bytes_max`, but at least one if there is one.
    pub(super) fn slice(&self, from: Index, bytes_max: usize) -> Vec<Entry> {
        let start = (from - self.compacted.index - 1) as usize;
        let mut bytes = 0;
        let mut slice = Vec::new();
        for entry in self.entries.range(start.min(self.entries.len())..) {
            bytes += entry.size_bytes();
            if bytes > bytes_max && !slice.is_empty() {
                break;
            }
            slice.push(entry.clone());
        }
        slice
    }

    /// The entries of `from..=to`, all of which are present.
    pub(super) fn range(&self, from: Index, to: Index) -> impl Iterator<Item = &Entry> {
        let start = (from - self.compacted.index - 1) as usize;
        let end = (to - self.compacted.index) as usize;
        self.entries.range(start.min(end)..end)
    }

    /// The last position at or before `index` whose term is not above `term`: where two logs may still agree.
    /// Skips a whole term at a time (section 5.3, the optimisation at its end). What was compacted was committed: there they do.
    pub(super) fn agreement(&self, index: Index, term: Term) -> Position {
        let mut index = index.min(self.last().index).max(self.compacted.index);
        loop {
            match self.term_at(index) {
                Some(found) if found > term => index -= 1,
                Some(found) => return Position { term: found, index },
                None => return self.compacted,
            }
        }
    }

    pub(super) fn compacted(&self) -> Position {
        self.compacted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::Payload;

    /// What an entry weighs in these logs.
    const ENTRY_BYTES: usize = 24 + 10;

    /// Entries 6 to 10 behind 5@1: two of term 1, two of term 2, one of term 4.
    fn log() -> Log {
        let entry = |(index, term)| Entry { term, index, payload: Payload::Command([0; 10].into()) };
        let entries = (6..).zip([1, 1, 2, 2, 4]).map(entry).collect();
        Log::new(Position { term: 1, index: 5 }, entries)
    }

    fn weighs(log: &Log, entries: usize) -> bool {
        log.bytes == entries * ENTRY_BYTES && log.entries.len() == entries
    }

    #[test]
    fn it_weighs_what_its_entries_weigh() {
        let mut log = log();
        assert!(weighs(&log, 5));
        log.truncate(10);
        assert!(weighs(&log, 4));
        assert!(log.compact(Position { term: 1, index: 7 }));
        assert!(weighs(&log, 2));
        log.truncate(20);
        assert!(weighs(&log, 2));
        assert!(!log.compact(Position { term: 3, index: 9 }), "another log's");
        assert!(weighs(&log, 0));
        assert_eq!(log.last(), Position { term: 3, index: 9 });
    }

    #[test]
    fn what_exceeds_a_limit_may_go_a_step_at_a_time() {
        let (log, all) = (log(), usize::MAX);
        assert_eq!(log.excess(5, 5 * ENTRY_BYTES, all), 5);
        assert_eq!(log.excess(3, all, all), 7);
        assert_eq!(log.excess(all, 2 * ENTRY_BYTES, all), 8);
        assert_eq!(log.excess(all, 2 * ENTRY_BYTES - 1, all), 9);
        assert_eq!(log.excess(0, 0, 2), 7);
    }

    #[test]
    fn a_slice_has_what_fits_but_one_entry_at_least() {
        let log = log();
        let indexes = |from, bytes_max| -> Vec<Index> {
            log.slice(from, bytes_max).iter().map(|entry| entry.index).collect()
        };
        assert_eq!(indexes(7, 0), [7]);
        assert_eq!(indexes(7, 2 * ENTRY_BYTES - 1), [7]);
        assert_eq!(indexes(7, 2 * ENTRY_BYTES), [7, 8]);
        assert_eq!(indexes(6, usize::MAX), [6, 7, 8, 9, 10]);
        assert!(indexes(11, usize::MAX).is_empty() && indexes(12, usize::MAX).is_empty());
    }

    #[test]
    fn two_logs_may_agree_where_the_term_is_not_above() {
        let log = log();
        let agreement = |index, term| {
            let Position { term, index } = log.agreement(index, term);
            (index, term)
        };
        assert_eq!(agreement(10, 4), (10, 4));
        assert_eq!(agreement(20, 9), (10, 4));
        assert_eq!(agreement(10, 3), (9, 2));
        assert_eq!(agreement(8, 3), (8, 2));
        assert_eq!(agreement(9, 1), (7, 1));
        assert_eq!(agreement(9, 0), (5, 1));
        assert_eq!(agreement(3, 4), (5, 1));
    }
}
