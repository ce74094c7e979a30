//! The store as the state machine writes it: every change is entered into the content hash as well.

use super::{Error, Read, Table, Write, error::Direction, error::scan, hash::contribution};
use std::ops::{Bound::Unbounded, ControlFlow::Continue};

/// A transaction together with the hash of its contents. [`Table::Header`] is not part of the contents, because it
/// holds the hash.
pub(crate) struct Ledger<'a, W> {
    pub(crate) store: &'a mut W,
    pub(crate) content_hash: u128,
}

impl<W: Write> Ledger<'_, W> {
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error<W::Error>> {
        self.store.get(table, key).map_err(Error::Store)
    }

    pub(crate) fn insert(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Error<W::Error>> {
        debug_assert_ne!(table, Table::Header, "the header is not part of the contents");
        let replaced = self.store.insert(table, key, value).map_err(Error::Store)?;
        self.forget(table, key, replaced);
        self.content_hash = self.content_hash.wrapping_add(contribution(table, key, value));
        Ok(())
    }

    /// Stores a record under a key that is not there.
    pub(crate) fn append(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Error<W::Error>> {
        self.content_hash = self.content_hash.wrapping_add(contribution(table, key, value));
        self.store.append(table, key, value).map_err(Error::Store)
    }

    pub(crate) fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), Error<W::Error>> {
        debug_assert_ne!(table, Table::Header, "the header is not part of the contents");
        let removed = self.store.remove(table, key).map_err(Error::Store)?;
        self.forget(table, key, removed);
        Ok(())
    }

    fn forget(&mut self, table: Table, key: &[u8], value: Option<Vec<u8>>) {
        if let Some(value) = value {
            self.content_hash = self.content_hash.wrapping_sub(contribution(table, key, &value));
        }
    }
}

/// The content hash from scratch: it reads every record, and must equal [`Header::content_hash`](super::Header).
pub fn recompute_content_hash<R: Read>(store: &R) -> Result<u128, Error<R::Error>> {
    let mut hash = 0u128;
    for table in Table::ALL.into_iter().filter(|table| *table != Table::Header) {
        scan(store, table, (Unbounded, Unbounded), Direction::Ascending, |key, value| {
            hash = hash.wrapping_add(contribution(table, key, value));
            Ok(Continue(()))
        })?;
    }
    Ok(hash)
}
