//! Entries that are committed and not yet durable in the state: the log may forget none of them, and lies in memory. A leader's own
//! are bounded by what it admits (`admission.rs`). A follower whose disk takes the log faster than the state takes no more for a
//! while: its leader sends them again.

use std::collections::VecDeque;

use crate::raft::{Body, Entry, Index, Message};

/// The entries that wait, oldest first.
#[derive(Debug)]
pub(super) struct Backlog {
    /// The index of each, and its bytes.
    entries: VecDeque<(Index, usize)>,
    bytes: usize,
    bytes_max: usize,
}

impl Backlog {
    /// Nothing waits, and so many bytes may.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, bytes_max }
    }

    pub(super) fn committed(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.entries.push_back((entry.index, entry.size_bytes()));
            self.bytes += entry.size_bytes();
        }
    }

    /// The state holds everything up to an index durably.
    pub(super) fn durable(&mut self, index: Index) {
        while let Some((_, bytes)) = self.entries.pop_front_if(|(waiting, _)| *waiting <= index) {
            self.bytes -= bytes;
        }
    }

    /// Whether a message is to be taken. What waits becomes durable without anything from outside, for a flush is due long before it is
    /// too much (`Retention::sync_log_bytes`): entries are refused for a while.
    pub(super) fn takes(&self, message: &Message) -> bool {
        !self.is_full()
            || !matches!(&message.body, Body::AppendRequest { entries, .. } if !entries.is_empty())
    }

    fn is_full(&self) -> bool {
        self.bytes > self.bytes_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{Payload, Position};

    fn entries(first: Index, count: u64, bytes: usize) -> Vec<Entry> {
        let payload = Payload::Command(vec![0; bytes].into());
        (first..first + count).map(|index| Entry { term: 1, index, payload: payload.clone() }).collect()
    }

    fn append(entries: Vec<Entry>) -> Message {
        let body = Body::AppendRequest { previous: Position::default(), entries, commit: 0 };
        Message { from: 1, to: 2, origin: Default::default(), term: 1, body }
    }

    #[test]
    fn it_is_full_of_what_is_committed_until_that_is_durable() {
        let mut backlog = Backlog::new(1_000);
        backlog.committed(&[]);
        backlog.committed(&entries(1, 2, 300));
        assert!(backlog.takes(&append(entries(3, 1, 1))));
        backlog.committed(&entries(3, 2, 300));
        assert!(!backlog.takes(&append(entries(5, 1, 1))));
        assert!(backlog.takes(&append(Vec::new())), "what tells the commit index may free it");
        backlog.durable(1);
        assert!(backlog.takes(&append(entries(5, 1, 1))));
        backlog.durable(9);
        assert_eq!((backlog.entries.len(), backlog.bytes), (0, 0));
    }
}
