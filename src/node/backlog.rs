//! Entries that are committed and not yet durable in the state: the log may forget none of them, and lies in memory. A leader's own
//! are bounded by what it admits (`admission.rs`). A follower whose disk takes the log faster than the state takes no more for a
//! while: its leader sends them again.

use std::collections::VecDeque;

use crate::{
    env::{Knob, knob},
    raft::{Body, Entry, Index, Message},
};

/// Entries of this many bytes may wait for the state; as many as a log is kept long by itself (`config.rs`).
const BACKLOG_BYTES_MAX: usize = 256 << 20;

/// The batches that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// The last index of each, and its bytes.
    batches: VecDeque<(Index, usize)>,
    bytes: usize,
}

impl Backlog {
    pub(super) fn committed(&mut self, entries: &[Entry]) {
        let Some(last) = entries.last() else { return };
        let bytes = entries.iter().map(Entry::size_bytes).sum();
        self.batches.push_back((last.index, bytes));
        self.bytes += bytes;
    }

    /// The state holds everything up to an index durably.
    pub(super) fn durable(&mut self, index: Index) {
        while let Some((_, bytes)) = self.batches.pop_front_if(|(last, _)| *last <= index) {
            self.bytes -= bytes;
        }
    }

    /// Whether a message is to be taken. What waits becomes durable without anything from outside: entries are refused for a while.
    pub(super) fn takes(&self, message: &Message) -> bool {
        !self.is_full()
            || !matches!(&message.body, Body::AppendRequest { entries, .. } if !entries.is_empty())
    }

    fn is_full(&self) -> bool {
        self.bytes > knob(Knob::BacklogBytes, BACKLOG_BYTES_MAX)
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
        let mut backlog = Backlog::default();
        backlog.committed(&[]);
        backlog.committed(&entries(1, 2, BACKLOG_BYTES_MAX / 4));
        assert!(!backlog.is_full());
        backlog.committed(&entries(3, 2, BACKLOG_BYTES_MAX / 4));
        assert!(backlog.is_full());
        assert!(!backlog.takes(&append(entries(5, 1, 1))));
        assert!(backlog.takes(&append(Vec::new())), "what tells the commit index may free it");
        backlog.durable(1);
        assert!(backlog.is_full(), "a batch counts until all of it is durable");
        backlog.durable(2);
        assert!(backlog.takes(&append(entries(5, 1, 1))));
        backlog.durable(9);
        assert_eq!((backlog.batches.len(), backlog.bytes), (0, 0));
    }
}
