//! The state machine's file: one redb table for each table of [`kv`](crate::kv).

use std::{
    cell::OnceCell,
    ops::{Bound, ControlFlow},
};

use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, Table as RedbTable,
    TableDefinition, WriteTransaction,
};

use super::{Disk, STATE_FILE, StorageError, database};
use crate::kv::{KeyRange, Read, Table, Visit, Write};

/// Pages kept in memory: where the hot part of the key space should fit.
const CACHE_BYTES: usize = 64 << 20;

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The commit is visible at once and durable with the next synced one. After a power loss the state falls back to
    /// an earlier one, whole and consistent, and the log is replayed from there.
    Relaxed,
    /// The commit, and every one before it, is durable.
    Synced,
}

/// The durable state of one node's state machine.
#[derive(Debug)]
pub struct StateStore {
    database: Database,
}

impl StateStore {
    /// Opens the state, or begins an empty one.
    ///
    /// # Errors
    /// The file cannot be opened, or is corrupt.
    pub fn open(disk: &dyn Disk) -> Result<Self, StorageError> {
        let store = Self { database: database::open(disk, STATE_FILE, CACHE_BYTES)? };
        store.write(Durability::Synced, |_| Ok(()))?;
        Ok(store)
    }

    /// Runs a change in one transaction: all of it is kept, or after an error nothing. Relaxed commits must be
    /// followed by a synced one every few thousand: until then their superseded pages are held.
    ///
    /// # Errors
    /// What the change returned, or the disk failed.
    pub fn write<T>(
        &self,
        durability: Durability,
        change: impl FnOnce(&mut Tables<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut transaction = self.database.begin_write().map_err(failed)?;
        transaction
            .set_durability(match durability {
                Durability::Relaxed => redb::Durability::None,
                Durability::Synced => redb::Durability::Immediate,
            })
            .map_err(failed)?;
        let result = change(&mut Tables::open(&transaction)?)?;
        transaction.commit().map_err(failed)?;
        Ok(result)
    }

    /// A view of the state as of the latest commit, whatever is written meanwhile.
    ///
    /// # Errors
    /// The disk failed.
    pub fn read(&self) -> Result<StateRead, StorageError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        Ok(StateRead { transaction, tables: Default::default() })
    }

    /// Makes every commit so far durable.
    ///
    /// # Errors
    /// The disk failed.
    pub fn sync(&self) -> Result<(), StorageError> {
        self.write(Durability::Synced, |_| Ok(()))
    }
}

/// The tables within a write transaction.
pub struct Tables<'txn>([RedbTable<'txn, &'static [u8], &'static [u8]>; Table::ALL.len()]);

impl<'txn> Tables<'txn> {
    fn open(transaction: &'txn WriteTransaction) -> Result<Self, StorageError> {
        let [header, current, history, sessions, replies] =
            Table::ALL.map(|table| transaction.open_table(definition(table)).map_err(failed));
        Ok(Self([header?, current?, history?, sessions?, replies?]))
    }
}

impl Read for Tables<'_> {
    type Error = StorageError;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        get(&self.0[table as usize], key)
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        scan(&self.0[table as usize], range, visit)
    }

    fn scan_back(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        scan_back(&self.0[table as usize], range, visit)
    }
}

impl Write for Tables<'_> {
    fn insert(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let replaced = self.0[table as usize].insert(key, value).map_err(failed)?;
        Ok(replaced.map(|guard| guard.value().to_vec()))
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let removed = self.0[table as usize].remove(key).map_err(failed)?;
        Ok(removed.map(|guard| guard.value().to_vec()))
    }
}

/// A consistent view of the state.
pub struct StateRead {
    transaction: ReadTransaction,
    /// Opened when first used: most reads need two of them.
    tables: [OnceCell<ReadOnlyTable<&'static [u8], &'static [u8]>>; Table::ALL.len()],
}

impl StateRead {
    fn table(&self, table: Table) -> Result<&ReadOnlyTable<&'static [u8], &'static [u8]>, StorageError> {
        let cell = &self.tables[table as usize];
        if cell.get().is_none() {
            let opened = self.transaction.open_table(definition(table)).map_err(failed)?;
            let _ = cell.set(opened);
        }
        Ok(cell.get().expect("it was just opened"))
    }
}

impl Read for StateRead {
    type Error = StorageError;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        get(self.table(table)?, key)
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        scan(self.table(table)?, range, visit)
    }

    fn scan_back(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        scan_back(self.table(table)?, range, visit)
    }
}

fn get(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StorageError> {
    Ok(table.get(key).map_err(failed)?.map(|guard| guard.value().to_vec()))
}

fn scan(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    range: KeyRange<'_>,
    visit: Visit<'_>,
) -> Result<(), StorageError> {
    if is_empty(range) {
        return Ok(());
    }
    visit_all(table.range::<&[u8]>(range).map_err(failed)?, visit)
}

fn scan_back(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    range: KeyRange<'_>,
    visit: Visit<'_>,
) -> Result<(), StorageError> {
    if is_empty(range) {
        return Ok(());
    }
    visit_all(table.range::<&[u8]>(range).map_err(failed)?.rev(), visit)
}

type Pair<'a> = (redb::AccessGuard<'a, &'static [u8]>, redb::AccessGuard<'a, &'static [u8]>);

fn visit_all<'a>(
    pairs: impl Iterator<Item = Result<Pair<'a>, redb::StorageError>>,
    visit: Visit<'_>,
) -> Result<(), StorageError> {
    for pair in pairs {
        let (key, value) = pair.map_err(failed)?;
        if let ControlFlow::Break(()) = visit(key.value(), value.value()) {
            break;
        }
    }
    Ok(())
}

/// A range whose end lies before its beginning holds nothing; redb would take it for a mistake.
fn is_empty(range: KeyRange<'_>) -> bool {
    use Bound::{Excluded, Included};
    match range {
        (Included(low), Included(high)) => low > high,
        (Included(low), Excluded(high)) | (Excluded(low), Included(high)) => low >= high,
        (Excluded(low), Excluded(high)) => low >= high,
        _ => false,
    }
}

fn definition(table: Table) -> Definition {
    TableDefinition::new(match table {
        Table::Header => "header",
        Table::Current => "current",
        Table::History => "history",
        Table::Sessions => "sessions",
        Table::Replies => "replies",
    })
}

fn failed(error: impl Into<redb::Error>) -> StorageError {
    database::failed(STATE_FILE, error)
}
