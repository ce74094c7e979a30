//! What can go wrong while the tables are read or written.

use std::{
    fmt,
    ops::ControlFlow::{self, Break},
};

use super::{KeyRange, Read, Table};

/// A failure of the store itself, fatal to the node. What is wrong with a request is a reply, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// The store underneath failed.
    Store(E),
    /// A stored record cannot be what this program wrote.
    Corrupt {
        /// Where the record lies.
        table: Table,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Store(error) => write!(f, "the store failed: {error}"),
            Error::Corrupt { table, what } => write!(f, "corrupt record in table {table:?}: {what}"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Store(error) => Some(error),
            Error::Corrupt { .. } => None,
        }
    }
}

/// A corrupt record, before it is known which store it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt {
    pub(crate) table: Table,
    pub(crate) what: &'static str,
}

impl<E> From<Corrupt> for Error<E> {
    fn from(Corrupt { table, what }: Corrupt) -> Self {
        Error::Corrupt { table, what }
    }
}

/// Which way a scan runs through the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

/// Scans with a visitor that may find a record corrupt: the first such finding ends the scan and is returned.
pub(crate) fn scan<R: Read>(
    store: &R,
    table: Table,
    range: KeyRange<'_>,
    direction: Direction,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, Corrupt>,
) -> Result<(), Error<R::Error>> {
    let mut found = Ok(());
    let mut guarded = |key: &[u8], value: &[u8]| {
        visit(key, value).unwrap_or_else(|corrupt| {
            found = Err(corrupt);
            Break(())
        })
    };
    match direction {
        Direction::Ascending => store.scan(table, range, &mut guarded),
        Direction::Descending => store.scan_back(table, range, &mut guarded),
    }
    .map_err(Error::Store)?;
    Ok(found?)
}
