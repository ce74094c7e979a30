//! The state machine's file: one redb table for each table of [`kv`](crate::kv).

use std::{
    ops::{Bound, ControlFlow},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use redb::{Database, ReadableTable, Table as RedbTable, TableDefinition, WriteTransaction};

use super::{LOG_FILE, STATE_FILE, StorageError, block_sums::Keeping, codec, database, snapshot::Staged, volume::Volume};
use crate::{
    kv::{self, KeyRange, Read, Table, Visit, Write},
    raft::Configuration,
};

/// Pages kept in memory: where the hot part of the key space should fit.
const CACHE_BYTES: usize = 64 << 20;

/// What the file says of itself: the number of its last commit, and of the log's last commit at that time.
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const COMMITS_KEY: &str = "commits";

pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// The state of one node's state machine. One write transaction is always open: changes are made and read in it, and
/// [`sync`](Self::sync) commits it. A crash loses what was changed since; the log has it all.
pub struct StateStore {
    /// None only while one is committed and the next begins.
    pub(super) transaction: Option<WriteTransaction>,
    pub(super) database: Database,
    /// The snapshot that is being received.
    pub(super) staged: Option<Staged>,
    volume: Arc<Volume>,
    commits: u64,
    /// Counts the log's commits.
    log_commits: Arc<AtomicU64>,
}

impl StateStore {
    /// Opens the state, or begins an empty one. It must have seen no later commit of the log than the log has.
    pub(super) fn open(volume: Volume, log_commits: Arc<AtomicU64>) -> Result<Self, StorageError> {
        database::opening(STATE_FILE, || Self::open_file(volume, log_commits))
    }

    fn open_file(volume: Volume, log_commits: Arc<AtomicU64>) -> Result<Self, StorageError> {
        let volume = Arc::new(volume);
        let database = database::open(&volume, Keeping::InFile, CACHE_BYTES)?;
        let transaction = begin(&database)?;
        let (commits, log_commits_seen) = read_commits(&transaction)?;
        volume.check_commits(commits)?;
        let log_has = log_commits.load(Ordering::Relaxed);
        if log_commits_seen > log_has {
            let what = format!(
                "{LOG_FILE} ends with commit {log_has}, but {STATE_FILE} has seen its commit {log_commits_seen}: \
                 an older log was put in its place"
            );
            return Err(StorageError::Lost { what });
        }
        let transaction = Some(transaction);
        let state = Self { transaction, database, staged: None, volume, commits, log_commits };
        state.clear_stage()?;
        Ok(state)
    }

    /// The tables, to read and to change. After an error the store is good for nothing: some of a change may be made.
    ///
    /// # Errors
    /// The disk failed.
    pub fn tables(&self) -> Result<Tables<'_>, StorageError> {
        Tables::open(self.transaction(), definition)
    }

    /// Who belongs to the cluster, by what was applied; `None` before the first change.
    ///
    /// # Errors
    /// The disk failed, or the record is corrupt.
    pub fn configuration(&self) -> Result<Option<Configuration>, StorageError> {
        let Some(record) = kv::members(&self.tables()?)? else { return Ok(None) };
        let corrupt =
            || StorageError::Corrupt { file: STATE_FILE, what: "the record of the members".to_owned() };
        codec::decode_members(&record).map(Some).ok_or_else(corrupt)
    }

    pub(super) fn transaction(&self) -> &WriteTransaction {
        self.transaction.as_ref().expect("a transaction is open between calls")
    }

    /// Makes every change so far durable. Memory and replay after a crash grow with what was changed since the last
    /// time.
    ///
    /// # Errors
    /// The disk failed.
    pub fn sync(&mut self) -> Result<(), StorageError> {
        let transaction = self.transaction.take().expect("a transaction is open between calls");
        self.commits += 1;
        let numbers = [self.commits, self.log_commits.load(Ordering::Relaxed)].map(u64::to_le_bytes);
        let record = codec::seal(COMMITS_KEY.as_bytes(), numbers.as_flattened());
        let mut meta = transaction.open_table(META).map_err(failed)?;
        meta.insert(COMMITS_KEY, record.as_slice()).map_err(failed)?;
        drop(meta);
        transaction.commit().map_err(failed)?;
        self.volume.note_commit(self.commits)?;
        self.transaction = Some(begin(&self.database)?);
        Ok(())
    }
}

/// A transaction that commits in two phases, so that what the file points at is whole, and that records which pages
/// are free: opening after a crash is a matter of moments, however large the state.
fn begin(database: &Database) -> Result<WriteTransaction, StorageError> {
    let mut transaction = database.begin_write().map_err(failed)?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// The numbers of the state's last commit and of the log's at that time; 0 for none.
fn read_commits(transaction: &WriteTransaction) -> Result<(u64, u64), StorageError> {
    let corrupt =
        || StorageError::Corrupt { file: STATE_FILE, what: "the number of its last commit".to_owned() };
    let meta = transaction.open_table(META).map_err(failed)?;
    let Some(record) = meta.get(COMMITS_KEY).map_err(failed)? else { return Ok((0, 0)) };
    let body = codec::open(COMMITS_KEY.as_bytes(), record.value()).ok_or_else(corrupt)?;
    let [commits, log_commits] = *body.as_chunks::<8>().0 else { return Err(corrupt()) };
    Ok((u64::from_le_bytes(commits), u64::from_le_bytes(log_commits)))
}

/// The tables, within the open transaction.
pub struct Tables<'txn>([RedbTable<'txn, &'static [u8], &'static [u8]>; Table::ALL.len()]);

impl<'txn> Tables<'txn> {
    pub(super) fn open(
        transaction: &'txn WriteTransaction,
        definition: fn(Table) -> Definition,
    ) -> Result<Self, StorageError> {
        let [header, current, history, sessions, replies, members] =
            Table::ALL.map(|table| transaction.open_table(definition(table)).map_err(failed));
        Ok(Self([header?, current?, history?, sessions?, replies?, members?]))
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

pub(super) fn definition(table: Table) -> Definition {
    TableDefinition::new(match table {
        Table::Header => "header",
        Table::Current => "current",
        Table::History => "history",
        Table::Sessions => "sessions",
        Table::Replies => "replies",
        Table::Members => "members",
    })
}

pub(super) fn failed(error: impl Into<redb::Error>) -> StorageError {
    database::failed(STATE_FILE, error)
}

#[cfg(all(test, not(madsim)))]
mod tests;
