//! A log, by the terms of its entries: an index and a term name an entry (section 5.3), and terms never fall along a log, so
//! that a few numbers hold it all. What is compacted is not forgotten here.

use conclave::raft::{Entry, Index, Position, Term};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    /// Nothing is known of what comes before this entry.
    floor: Position,
    /// The first entry of each term, oldest first.
    begins: Vec<Position>,
    last: Index,
}

impl Log {
    pub(crate) fn after(floor: Position) -> Self {
        Self { floor, begins: Vec::new(), last: floor.index }
    }

    pub(super) fn floor(&self) -> Position {
        self.floor
    }

    pub(super) fn last(&self) -> Position {
        Position { term: self.begins.last().map_or(self.floor.term, |begin| begin.term), index: self.last }
    }

    /// `None`: the log does not reach so far, or nothing is known so far back.
    pub(super) fn term_at(&self, index: Index) -> Option<Term> {
        if index > self.last || index < self.floor.index {
            return None;
        }
        let begin = self.begins.iter().rev().find(|begin| begin.index <= index);
        Some(begin.map_or(self.floor.term, |begin| begin.term))
    }

    pub(super) fn holds(&self, position: Position) -> bool {
        self.term_at(position.index) == Some(position.term)
    }

    /// The first entry of a term.
    pub(super) fn first_of(&self, term: Term) -> Option<Index> {
        self.begins.iter().rev().find(|begin| begin.term == term).map(|begin| begin.index)
    }

    /// Whether two logs are known to differ in an entry, or one of them lacks it.
    pub(super) fn differs_at(&self, index: Index, other: &Self) -> bool {
        let is_unknown = index < self.floor.index || index < other.floor.index;
        !is_unknown && (self.term_at(index).is_none() || self.term_at(index) != other.term_at(index))
    }

    /// Whether two logs hold the same entries from one to another.
    pub(super) fn agrees(&self, other: &Self, mut range: impl Iterator<Item = Index>) -> bool {
        range.all(|index| !self.differs_at(index, other))
    }

    pub(crate) fn push(&mut self, term: Term) {
        self.last += 1;
        if self.last().term != term {
            self.begins.push(Position { term, index: self.last });
        }
    }

    /// The entries replace what the log holds from the first of them on.
    pub(super) fn write(&mut self, entries: &[Entry]) {
        if let Some(first) = entries.first() {
            self.truncate(first.index);
            entries.iter().for_each(|entry| self.push(entry.term));
        }
    }

    /// The log goes on from a position. What it holds beyond stays only if it holds that one.
    pub(super) fn begin_after(&mut self, position: Position) {
        if !self.holds(position) {
            *self = Self::after(position);
        }
    }

    /// What a leader of a term held of it: nothing of later terms.
    pub(super) fn up_to_term(&self, term: Term) -> Self {
        let mut log = self.clone();
        if let Some(later) = self.begins.iter().find(|begin| begin.term > term) {
            log.truncate(later.index);
        }
        log
    }

    /// Takes over what a longer log holds beyond this one.
    pub(super) fn extend_from(&mut self, longer: &Self) {
        while self.last < longer.last {
            let Some(term) = longer.term_at(self.last + 1) else { return };
            self.push(term);
        }
    }

    fn truncate(&mut self, index: Index) {
        self.last = self.last.min(index - 1).max(self.floor.index);
        while self.begins.last().is_some_and(|begin| begin.index > self.last) {
            self.begins.pop();
        }
    }
}
