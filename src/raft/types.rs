//! The nouns of the protocol: ids, terms, log positions and entries.

use std::{fmt, sync::Arc};

use super::Configuration;

/// Names a node for ever: an id is never used again for another node. 0 is nobody.
pub type NodeId = u64;

/// A period with at most one leader (Raft paper, section 5.1). Terms only grow.
pub type Term = u64;

/// Place of an entry in the log. The first entry has index 1.
pub type Index = u64;

/// The end of a log, or any place in it. The order is the paper's "at least as up-to-date": the term decides,
/// then the index (section 5.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Term of the entry there.
    pub term: Term,
    /// Index of the entry there.
    pub index: Index,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.index, self.term)
    }
}

/// What a state machine's state stands for: the log up to `last`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The last entry that went into the state.
    pub last: Position,
    /// The configuration as of that entry.
    pub configuration: Arc<Configuration>,
}

/// What must never be forgotten besides the log: the current term and the vote cast in it. They are one record, so
/// that no crash can part them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vote {
    /// The latest term this node has seen.
    pub term: Term,
    /// Whom it voted for in that term.
    pub candidate: Option<NodeId>,
}

/// One entry of the replicated log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Term of the leader that created it.
    pub term: Term,
    /// Its place in the log.
    pub index: Index,
    /// What it does when applied.
    pub payload: Payload,
}

/// Entries are moved from list to list all the time: what is large is shared, never inline.
const _: () = assert!(size_of::<Entry>() <= 40);

impl Entry {
    /// Where the entry stands.
    pub fn position(&self) -> Position {
        Position { term: self.term, index: self.index }
    }

    /// Bytes that the entry weighs in a message, near enough for flow control.
    pub fn size_bytes(&self) -> usize {
        const OVERHEAD_BYTES: usize = 24;
        OVERHEAD_BYTES
            + match &self.payload {
                Payload::Noop => 0,
                Payload::Command(command) => command.len(),
                Payload::Configuration(configuration) => configuration.size_bytes(),
            }
    }
}

/// What an entry carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Payload {
    /// A new leader's first entry: what it inherits commits with it (section 5.4.2).
    Noop,
    /// A command for the state machine; opaque to the core.
    Command(Arc<[u8]>),
    /// A change of membership, in force from the moment it is appended (section 6).
    Configuration(Arc<Configuration>),
}
