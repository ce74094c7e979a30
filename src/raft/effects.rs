//! What the core asks the outside to do.

use super::{Entry, Index, Message, Vote};

/// Everything that follows from the inputs since the last time, to be carried out in this order:
/// persist -> send -> apply -> reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// What must reach the disk, and the messages that promise it did.
    pub persist: Option<Persist>,
    /// Messages that promise nothing: they may leave at once, even while the disk still works.
    pub messages: Vec<Message>,
    /// Entries newly committed, to be applied in order.
    pub committed: Vec<Entry>,
    /// Reads that may be answered.
    pub reads: Vec<ReadReady>,
    /// Reads that could not be confirmed; the caller asks again.
    pub reads_failed: Vec<u64>,
}

impl Effects {
    /// Nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One write to the log's disk. Writes are carried out in the order of their tickets, each as one atomic, durable
/// step; when it is done, `promises` may leave and the core is told the ticket through [`super::Raft::persisted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persist {
    /// Numbers the writes from 1, without gaps.
    pub ticket: u64,
    /// The vote to store, if it changed.
    pub vote: Option<Vote>,
    /// Entries to store. What the log holds from the first one's index on is replaced.
    pub entries: Vec<Entry>,
    /// Messages that promise what this write makes durable: never sent before it is.
    pub promises: Vec<Message>,
}

/// A read may be served from the state machine once `index` is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadReady {
    /// The name the caller gave the read.
    pub id: u64,
    /// The index to wait for.
    pub index: Index,
}
