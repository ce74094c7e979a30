//! The store as the state machine writes it: every change is entered into the digest of the contents as well.

use std::ops::{
    Bound::{Included, Unbounded},
    ControlFlow::Continue,
};

use super::{
    Error, Header, Read, Table, Write,
    error::{Direction, scan},
    hash::Digest,
    record::{Event, EventId, EventKind, index_key},
};

/// A transaction together with the digest of its contents. [`Table::Header`] is not part of the contents, because it
/// holds the digest.
pub(crate) struct Ledger<'a, W> {
    pub(crate) store: &'a mut W,
    pub(crate) content: Digest,
    /// See [`Header::history`].
    pub(crate) history: Digest,
}

impl<W: Write> Ledger<'_, W> {
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Error<W::Error>> {
        self.store.get(table, key).map_err(Error::Store)
    }

    pub(crate) fn insert(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Error<W::Error>> {
        debug_assert_ne!(table, Table::Header, "the header is not part of the contents");
        let replaced = self.store.insert(table, key, value).map_err(Error::Store)?;
        self.forget(table, key, replaced);
        self.content = self.content.plus(Digest::of(table, key, value));
        Ok(())
    }

    /// Stores a record under a key that is not there.
    pub(crate) fn append(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Error<W::Error>> {
        self.content = self.content.plus(Digest::of(table, key, value));
        self.store.append(table, key, value).map_err(Error::Store)
    }

    /// [`Ledger::append`] for what belongs to the history.
    pub(crate) fn append_history(
        &mut self,
        table: Table,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), Error<W::Error>> {
        debug_assert!(matches!(table, Table::History | Table::Index), "the history lies in two tables");
        let added = Digest::of(table, key, value);
        (self.content, self.history) = (self.content.plus(added), self.history.plus(added));
        self.store.append(table, key, value).map_err(Error::Store)
    }

    pub(crate) fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), Error<W::Error>> {
        debug_assert_ne!(table, Table::Header, "the header is not part of the contents");
        let removed = self.store.remove(table, key).map_err(Error::Store)?;
        self.forget(table, key, removed);
        Ok(())
    }

    /// Enters an event into the history; `previous` is the record of the version that it ends, if it ends one.
    pub(super) fn record_event(
        &mut self,
        event: EventId,
        kind: EventKind,
        key: &[u8],
        previous: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Result<(), Error<W::Error>> {
        scratch.clear();
        Event::encode(self.history, kind, key, previous, scratch);
        self.append_history(Table::History, &event.to_key(), scratch)?;
        if kind != EventKind::Created {
            let (key, sub) = (index_key(key, event.main), event.sub.to_be_bytes());
            self.append_history(Table::Index, &key, &sub)?;
        }
        Ok(())
    }

    fn forget(&mut self, table: Table, key: &[u8], value: Option<Vec<u8>>) {
        if let Some(value) = value {
            self.content = self.content.minus(Digest::of(table, key, &value));
        }
    }
}

/// The digest of the contents from scratch: it reads every record, and must equal [`Header::content`]. What is compacted
/// is no part of it, whether it has been removed yet or not.
pub fn recompute_content<R: Read>(store: &R) -> Result<Digest, Error<R::Error>> {
    let header = Header::load(store)?;
    let first_kept = header.first_kept();
    let mut content = Digest::default();
    for table in Table::ALL.into_iter().filter(|table| *table != Table::Header) {
        let start = if table == Table::History { Included(&first_kept[..]) } else { Unbounded };
        scan(store, table, (start, Unbounded), Direction::Ascending, |key, value| {
            content = content.plus(header.digest_of(table, key, value));
            Ok(Continue(()))
        })?;
    }
    Ok(content)
}
