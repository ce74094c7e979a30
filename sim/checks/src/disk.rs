//! What a log's disk holds. A model of its own, apart from that of any host: the two must come to the same.

use std::{collections::VecDeque, fmt};

use conclave::raft::{Compacted, Index, Persist, Position, Raft, Term, Vote};

/// The vote, and the terms of the entries after the compacted position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Disk {
    vote: Vote,
    compacted: Position,
    terms: VecDeque<Term>,
}

impl Disk {
    /// What a core says of itself.
    pub(crate) fn of(core: &Raft) -> Self {
        let indexes = core.compacted().index + 1..=core.last().index;
        let terms = indexes.filter_map(|index| core.entry(index)).map(|entry| entry.term).collect();
        Self { vote: core.vote(), compacted: core.compacted(), terms }
    }

    pub(crate) fn vote(&self) -> Vote {
        self.vote
    }

    pub(crate) fn compacted(&self) -> Position {
        self.compacted
    }

    pub(crate) fn last(&self) -> Position {
        match self.terms.back() {
            Some(&term) => Position { term, index: self.compacted.index + self.terms.len() as Index },
            None => self.compacted,
        }
    }

    /// The term of the entry at an index; of what is compacted only the end is known.
    pub(crate) fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.compacted.index {
            return Some(self.compacted.term);
        }
        let offset = index.checked_sub(self.compacted.index + 1)?;
        self.terms.get(usize::try_from(offset).ok()?).copied()
    }

    pub(crate) fn matches(&self, position: Position) -> bool {
        self.term_at(position.index) == Some(position.term)
    }

    /// Whether it holds an entry, or did until that was compacted.
    pub(crate) fn holds(&self, position: Position) -> bool {
        position.index <= self.compacted.index || self.matches(position)
    }

    pub(crate) fn write(&mut self, write: &Persist) {
        if let Some(Compacted { position, .. }) = &write.compacted {
            self.compact(*position);
        }
        self.vote = write.vote.unwrap_or(self.vote);
        if let Some(first) = write.entries.first() {
            // A gap is a broken rule, and never filled with what happens to be there.
            let kept = first.index.saturating_sub(self.compacted.index + 1) as usize;
            self.terms.resize(kept, 0);
            self.terms.extend(write.entries.iter().map(|entry| entry.term));
        }
    }

    /// The log begins after the position. What it holds beyond stays only if it holds that very position.
    pub(crate) fn compact(&mut self, position: Position) {
        match self.matches(position) {
            true => drop(self.terms.drain(..(position.index - self.compacted.index) as usize)),
            false => self.terms.clear(),
        }
        self.compacted = position;
    }

    /// The vote, and where the log ends, after one more write.
    pub(crate) fn after(&self, write: &Persist) -> (Vote, Position) {
        let end = match (write.entries.last(), &write.compacted) {
            (Some(last), _) => last.position(),
            (None, Some(compacted)) if !self.matches(compacted.position) => compacted.position,
            (None, _) => self.last(),
        };
        (write.vote.unwrap_or(self.vote), end)
    }

    /// The first entry held here that another disk lacks, unless that has compacted it.
    pub(crate) fn first_missing_in(&self, other: &Self) -> Option<Position> {
        let entries = (self.compacted.index + 1..).zip(&self.terms);
        let mut positions = entries.map(|(index, &term)| Position { term, index });
        positions.find(|&position| !other.holds(position))
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {}, ", self.last(), self.compacted)?;
        match self.vote.candidate {
            Some(candidate) => write!(f, "a vote for {candidate} in term {}", self.vote.term),
            None => write!(f, "no vote in term {}", self.vote.term),
        }
    }
}
