//! Entries of the log, and the snapshot that stands for them once they are gone.

use std::sync::Arc;

use super::{Configuration, Index, Position, Term};

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

    /// The configuration that it brings, if it does.
    pub fn configuration(&self) -> Option<&Arc<Configuration>> {
        match &self.payload {
            Payload::Configuration(configuration) => Some(configuration),
            Payload::Noop | Payload::Command(_) => None,
        }
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

/// What a state machine's state stands for: the log up to `last`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The last entry that went into the state.
    pub last: Position,
    /// The configuration as of that entry.
    pub configuration: Arc<Configuration>,
}
