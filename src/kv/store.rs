//! The ordered tables that the state machine lives in. Production keeps them in redb, tests in memory.

use std::ops::{Bound, ControlFlow};

/// The tables of the state machine. Keys and values are bytes; keys are ordered as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// One record: applied position, revision, time, content hash.
    Header,
    /// The live pairs: key -> record of its latest version.
    Current,
    /// What was written and deleted, in this order: revision -> what the key was before. Appended to, until compaction
    /// drops its beginning.
    History,
    /// Open sessions.
    Sessions,
    /// Cached answers of sessions, for exactly-once.
    Replies,
    /// One record: who belongs to the cluster, opaque to the state machine.
    Members,
    /// Where versions ended: key and revision -> the rest of the event's id in the history.
    Index,
    /// Alarms that are raised: member -> their kind.
    Alarms,
}

impl Table {
    /// Every table, in the order in which snapshots carry them.
    pub const ALL: [Table; 8] = [
        Table::Header,
        Table::Current,
        Table::History,
        Table::Sessions,
        Table::Replies,
        Table::Members,
        Table::Index,
        Table::Alarms,
    ];
}

/// A range of keys.
pub type KeyRange<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// A visitor of a scan: key, value; breaks when it has seen enough.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// A consistent view of the tables.
pub trait Read {
    /// What goes wrong underneath (a disk error): fatal to the node.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The value under a key.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Visits a range in ascending order of keys.
    fn scan(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), Self::Error>;

    /// Visits a range in descending order of keys.
    fn scan_back(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), Self::Error>;
}

/// A transaction over the tables: all of it is kept, or nothing.
pub trait Write: Read {
    /// Stores a pair and returns the value it replaced.
    fn insert(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Stores a pair under a key that is not there, which spares the search for it.
    fn append(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Self::Error> {
        let replaced = self.insert(table, key, value)?;
        debug_assert!(replaced.is_none(), "the key is there already");
        Ok(())
    }

    /// Removes a pair and returns its value.
    fn remove(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Self::Error>;
}
