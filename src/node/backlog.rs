//! Entries that are committed and not yet durable in the state: the log may forget none of them, and lies in memory. Those of a leader
//! are few, for it admits no more than it applies (`admission.rs`), and applying waits for the flush. A follower whose disk takes the
//! log faster than the state takes no more for a while: its leader sends them again.

use std::collections::VecDeque;

use crate::raft::{Body, Entry, Index, Message, Term};

/// The entries that wait, oldest first.
#[derive(Debug)]
pub(super) struct Backlog {
    /// The index of each, and its bytes.
    entries: VecDeque<(Index, usize)>,
    bytes: usize,
    bytes_max: usize,
    /// Of the last entry that was committed.
    term: Term,
}

impl Backlog {
    /// Nothing waits, and so many bytes may.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, bytes_max, term: 0 }
    }

    pub(super) fn committed(&mut self, entries: &[Entry]) {
        for entry in entries {
            let bytes = entry.size_bytes();
            self.entries.push_back((entry.index, bytes));
            self.bytes += bytes;
            self.term = entry.term;
        }
    }

    /// The state holds everything up to an index durably.
    pub(super) fn durable(&mut self, index: Index) {
        while let Some((_, bytes)) = self.entries.pop_front_if(|(waiting, _)| *waiting <= index) {
            self.bytes -= bytes;
        }
    }

    /// Whether a message is to be taken. What waits becomes durable without anything from outside, for a flush is due long before it is
    /// too much (`Retention::sync_log_bytes`): entries are refused for a while. But a new leader may need this very node for its first
    /// commit, without which it serves nobody.
    pub(super) fn takes(&self, message: &Message) -> bool {
        let Body::AppendRequest { entries, commit, .. } = &message.body else { return true };
        let Some(last) = entries.last() else { return true };
        let is_of_new_leader = self.term < message.term && *commit < last.index;
        self.bytes <= self.bytes_max || is_of_new_leader
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
        let body = Body::AppendRequest { previous: Position::default(), entries, commit: 4 };
        Message { from: 1, to: 2, origin: Default::default(), term: 1, body }
    }

    /// A new leader commits what it inherited with an entry of its own (section 5.4.2), and may need this node for that.
    #[test]
    fn of_a_leader_that_has_committed_nothing_yet_what_may_need_this_node_is_taken() {
        let mut backlog = Backlog::new(100);
        backlog.committed(&entries(1, 4, 300));
        let of_next_term = |entries| Message { term: 2, ..append(entries) };
        assert!(backlog.takes(&of_next_term(entries(5, 1, 1))));
        assert!(!backlog.takes(&of_next_term(entries(3, 2, 1))), "others have committed it");
        backlog.committed(&[Entry { term: 2, index: 5, payload: Payload::Noop }]);
        assert!(!backlog.takes(&of_next_term(entries(6, 1, 1))));
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
