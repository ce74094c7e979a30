//! The writes that are under way to this node's own disk, and what they have made durable.

use std::{
    collections::VecDeque,
    hash::{Hash, Hasher},
};

use super::{Compacted, Entry, Index, Message, Persist, Vote};

/// Gathers what must be stored into one write at a time, and follows each until it is durable.
///
/// A write that replaces entries also lowers what earlier writes, still under way, will have made durable: without
/// that, an entry that was truncated and written anew in another term would count as durable when its predecessor's
/// write ends (the ABA race of asynchronous log writes).
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    next_compacted: Option<Compacted>,
    next_vote: Option<Vote>,
    /// The write that holds the present vote; 0 for none of this life.
    vote_ticket: u64,
    done_ticket: u64,
    next_entries: Vec<Entry>,
    next_promises: Vec<Message>,
    last_ticket: u64,
    /// Writes handed out and not yet durable: ticket, and the last index durable once it is.
    under_way: VecDeque<(u64, Index)>,
    durable: Index,
    last: Index,
}

impl Writes {
    pub(super) fn new(durable: Index) -> Self {
        Self { durable, last: durable, ..Self::default() }
    }

    /// The last index whose entry, as the log holds it now, is on this node's disk.
    pub(super) fn durable(&self) -> Index {
        self.durable
    }

    pub(super) fn vote(&mut self, vote: Vote) {
        self.next_vote = Some(vote);
        self.vote_ticket = self.last_ticket + 1;
    }

    /// Whether the vote, as it is now, is on this node's disk.
    pub(super) fn is_vote_durable(&self) -> bool {
        self.vote_ticket <= self.done_ticket
    }

    /// The next write stores entries.
    pub(super) fn stores_entries(&self) -> bool {
        !self.next_entries.is_empty()
    }

    pub(super) fn append(&mut self, entry: Entry) {
        self.last = entry.index;
        self.next_entries.push(entry);
    }

    /// The log drops what it holds from `index` on.
    pub(super) fn truncate(&mut self, index: Index) {
        let kept = index - 1;
        self.last = self.last.min(kept);
        self.durable = self.durable.min(kept);
        for (_, last) in &mut self.under_way {
            *last = (*last).min(kept);
        }
        self.next_entries.retain(|entry| entry.index < index);
    }

    /// The log begins after `compacted`, which the state machine holds durably; the rest is kept or not.
    pub(super) fn begin_after(&mut self, compacted: Compacted, kept: bool) {
        let index = compacted.position.index;
        self.next_compacted = Some(compacted);
        self.next_entries.retain(|entry| kept && entry.index > index);
        let moved = |last: Index| if kept { last.max(index) } else { index };
        self.last = moved(self.last);
        self.durable = moved(self.durable);
        for (_, last) in &mut self.under_way {
            *last = moved(*last);
        }
    }

    /// A message that may leave only when everything up to now is durable.
    pub(super) fn promise(&mut self, message: Message) {
        self.next_promises.push(message);
    }

    /// The next write, if there is anything to store or to promise. Promises of what is durable already are not
    /// held up: they come back through `free`.
    pub(super) fn take(&mut self, free: &mut Vec<Message>) -> Option<Persist> {
        let stores =
            self.next_compacted.is_some() || self.next_vote.is_some() || !self.next_entries.is_empty();
        if !stores && self.under_way.is_empty() {
            free.append(&mut self.next_promises);
        }
        if !stores && self.next_promises.is_empty() {
            return None;
        }
        self.last_ticket += 1;
        self.under_way.push_back((self.last_ticket, self.last));
        Some(Persist {
            ticket: self.last_ticket,
            compacted: self.next_compacted.take(),
            vote: self.next_vote.take(),
            entries: std::mem::take(&mut self.next_entries),
            promises: std::mem::take(&mut self.next_promises),
        })
    }

    /// Every write up to `ticket` is durable.
    pub(super) fn done(&mut self, ticket: u64) {
        self.done_ticket = ticket;
        while let Some(&(oldest, last)) = self.under_way.front() {
            if oldest > ticket {
                break;
            }
            self.under_way.pop_front();
            self.durable = last;
        }
    }
}

/// Where the count of the tickets stands makes no difference to what follows, only how far a write is from being done:
/// the model checker must not take two nodes for different because one of them wrote more often.
impl Hash for Writes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.next_compacted, self.next_vote, &self.next_entries, &self.next_promises).hash(state);
        self.vote_ticket.saturating_sub(self.done_ticket).hash(state);
        self.under_way.len().hash(state);
        for (ticket, last) in &self.under_way {
            (ticket - self.done_ticket, last).hash(state);
        }
        (self.durable, self.last).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{Configuration, Payload, Position};

    fn entry(term: u64, index: u64) -> Entry {
        Entry { term, index, payload: Payload::Noop }
    }

    #[test]
    fn a_rewritten_entry_is_durable_only_with_its_own_write() {
        let mut writes = Writes::new(0);
        let mut free = Vec::new();
        writes.append(entry(1, 1));
        writes.append(entry(1, 2));
        let first = writes.take(&mut free).expect("entries to store");
        writes.truncate(2);
        writes.append(entry(2, 2));
        let second = writes.take(&mut free).expect("entries to store");
        writes.done(first.ticket);
        assert_eq!(writes.durable(), 1);
        writes.done(second.ticket);
        assert_eq!(writes.durable(), 2);
    }

    #[test]
    fn what_was_truncated_before_it_was_taken_is_not_written() {
        let mut writes = Writes::new(0);
        (1..=3).for_each(|index| writes.append(entry(1, index)));
        writes.truncate(2);
        writes.append(entry(2, 2));
        let persist = writes.take(&mut Vec::new()).expect("entries to store");
        assert_eq!(persist.entries, [entry(1, 1), entry(2, 2)]);
    }

    #[test]
    fn what_a_snapshot_stands_for_is_not_written() {
        let mut writes = Writes::new(0);
        (1..=3).for_each(|index| writes.append(entry(1, index)));
        let position = Position { term: 1, index: 2 };
        writes.begin_after(Compacted { position, configuration: Configuration::of([1]).into() }, true);
        let persist = writes.take(&mut Vec::new()).expect("something to store");
        let written: Vec<Index> = persist.entries.iter().map(|entry| entry.index).collect();
        assert_eq!(written, [3]);
    }
}
