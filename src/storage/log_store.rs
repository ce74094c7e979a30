//! The log's file: vote, entries, and where the log begins. Everything that waits is one commit and one fsync: a small one in the
//! journal, from where many go to the engine together, a large one in the engine at once.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, Table, TableDefinition,
    TableError, WriteTransaction,
};

use super::{
    LOG_FILE, STATE_FILE, StorageError,
    block_sums::Keeping,
    codec, database,
    journal::{Journal, Record},
    volume::Volume,
};
use crate::{
    env::sometimes,
    raft::{Compacted, Configuration, Entry, Index, Persist, Position, Vote},
};

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const ENTRIES: TableDefinition<u64, &[u8]> = TableDefinition::new("entries");

const VOTE_KEY: &str = "vote";
const BASE_KEY: &str = "base";
/// How long a promise of a lease may be in force, in microseconds; absent as long as none was given.
const PROMISE_KEY: &str = "promise";
/// The number of the commit lies behind the entries: their last page is part of most commits anyway.
const COMMIT_KEY: u64 = u64::MAX;

/// Pages kept in memory: the log is written at its end and read once, at start.
const CACHE_BYTES: usize = 16 << 20;

/// What a log holds when it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The stored vote.
    pub vote: Vote,
    /// Entries up to here are gone; 0@0 for none.
    pub compacted: Position,
    /// The configuration as of `compacted`.
    pub configuration: Configuration,
    /// Every entry after `compacted`.
    pub entries: Vec<Entry>,
}

impl Recovered {
    /// The end of the log.
    pub fn last(&self) -> Position {
        self.entries.last().map_or(self.compacted, Entry::position)
    }

    /// What it holds at an index, if it reaches there.
    pub(super) fn position_at(&self, index: Index) -> Option<Position> {
        match index.checked_sub(self.compacted.index)? {
            0 => Some(self.compacted),
            offset => self.entries.get(offset as usize - 1).map(Entry::position),
        }
    }

    /// What is wrong with a state that stands there, if the log has forgotten what it lacks.
    pub(super) fn gap_after(&self, applied: Position) -> Option<String> {
        let compacted = self.compacted;
        (applied.index < compacted.index).then(|| {
            format!(
                "{STATE_FILE} ends at {applied}, but {LOG_FILE} begins after {compacted}: an older state was put in its place"
            )
        })
    }

    /// The entries that follow a state which stands there. None does if the log does not hold that position: a snapshot of the leader
    /// was put in place, and the process ended before the log began after it. What the log holds is not what led there then.
    pub fn following(&self, applied: Position) -> &[Entry] {
        match self.position_at(applied.index) == Some(applied) {
            true => &self.entries[(applied.index - self.compacted.index) as usize..],
            false => &[],
        }
    }
}

/// The durable log of one node.
#[derive(Debug)]
pub struct LogStore {
    /// Reads the last commit but one, so that the engine leaves it to the next commit to free what the last one replaced. Else
    /// a second commit, in memory, follows each one for that alone, and costs a quarter of it. Dropped before the database.
    reader: Option<ReadTransaction>,
    database: Database,
    journal: Journal,
    volume: Arc<Volume>,
    /// The end of what the engine holds.
    last: Index,
    /// The end of the log; beyond it where a new beginning took away what followed.
    end: Index,
    /// The number of the last commit, for the state to record.
    commits: Arc<AtomicU64>,
}

type Meta<'txn> = Table<'txn, &'static str, &'static [u8]>;
type Entries<'txn> = Table<'txn, u64, &'static [u8]>;

impl LogStore {
    /// Opens the log as it was left. Nothing is committed to it before [`LogStore::recover`]: until then it has no more commits than it
    /// was found with, and a state beside it that saw more of them is told so, at this start and at each later one.
    pub(super) fn open(volume: Volume) -> Result<Self, StorageError> {
        database::opening(LOG_FILE, || Self::open_file(volume))
    }

    fn open_file(volume: Volume) -> Result<Self, StorageError> {
        let volume = Arc::new(volume);
        Journal::note_again(&volume)?;
        let database = database::open(&volume, Keeping::InMemory, CACHE_BYTES)?;
        let durable = last_commit(&database)?;
        let (journal, commits) = Journal::open(volume.clone(), durable)?;
        let commits = Arc::new(AtomicU64::new(commits));
        Ok(Self { reader: None, database, journal, volume, last: 0, end: 0, commits })
    }

    /// Makes the log ready for use, and returns what it holds. One in which nothing was committed begins with the bootstrap configuration.
    /// A bootstrap that differs from what is stored changes nothing: membership is in the data.
    pub(super) fn recover(mut self, bootstrap: &Configuration) -> Result<(Self, Recovered), StorageError> {
        database::opening(LOG_FILE, || {
            if self.commits.load(Ordering::Relaxed) == 0 {
                self.transact(|meta, _, last| begin(meta, bootstrap).map(|()| last))?;
            }
            self.last = self.last_of_engine()?;
            self.empty_journal()?;
            let recovered = self.recovered()?;
            self.end = recovered.last().index;
            Ok((self, recovered))
        })
    }

    /// Hands to the engine what the journal held when the process ended.
    fn empty_journal(&mut self) -> Result<(), StorageError> {
        if self.journal.pending().is_empty() {
            return Ok(());
        }
        sometimes!(JournalReplayed);
        self.transact(|_, _, last| Ok(last))
    }

    /// Counts the commits, each from when it is durable on: a crash takes none of them. What a state saw of its log tells whether it is
    /// given an older one.
    pub(super) fn commits(&self) -> Arc<AtomicU64> {
        self.commits.clone()
    }

    /// Makes a write durable. See [`LogStore::write_all`].
    ///
    /// # Errors
    /// The disk failed: what of the write is durable is unknown, and the node must stop.
    pub fn write(&mut self, write: &Persist) -> Result<(), StorageError> {
        self.write_all(std::slice::from_ref(write))
    }

    /// Makes several writes durable in one commit, in their order: all of them, or none.
    ///
    /// # Errors
    /// The disk failed: what of the writes is durable is unknown, and the node must stop.
    pub fn write_all(&mut self, writes: &[Persist]) -> Result<(), StorageError> {
        let records: Vec<Record> = writes.iter().flat_map(records_of).collect();
        if records.is_empty() { Ok(()) } else { self.commit(&records) }
    }

    fn commit(&mut self, records: &[Record]) -> Result<(), StorageError> {
        self.end = records.iter().fold(self.end, end_after);
        let number = self.commits.load(Ordering::Relaxed) + 1;
        if self.journal.append(number, records)? {
            self.journal.note(number)?;
            self.commits.store(number, Ordering::Relaxed);
            return Ok(());
        }
        self.transact(|meta, entries, last| carry_out(meta, entries, last, records))
    }

    /// How long a promise of a lease may be in force that was given by now, in microseconds, by what was noted; 0: there is none.
    ///
    /// # Errors
    /// The disk failed, or what is noted is damaged.
    pub fn promise_us(&self) -> Result<u64, StorageError> {
        let promise_of = |record: &Record| match record {
            Record::Promise(promise_us) => Some(*promise_us),
            _ => None,
        };
        if let Some(promise_us) = self.journal.pending().iter().rev().find_map(promise_of) {
            return Ok(promise_us);
        }
        let meta = self.database.begin_read().map_err(failed)?.open_table(META).map_err(failed)?;
        let Some(body) = get(&meta, PROMISE_KEY)? else { return Ok(0) };
        body.try_into().map(u64::from_le_bytes).map_err(|_| corrupt("the promise of a lease"))
    }

    /// Notes durably how long a promise of a lease may be in force from now on.
    ///
    /// # Errors
    /// The disk failed.
    pub fn note_promise(&mut self, promise_us: u64) -> Result<(), StorageError> {
        self.commit(&[Record::Promise(promise_us)])
    }

    /// Takes the number of the last commit to the disk, which else the next commit does: until then a power loss forgets it, and
    /// the last commit, if it is damaged too, is taken for a torn one.
    ///
    /// # Errors
    /// The disk failed.
    pub fn sync_number(&self) -> Result<(), StorageError> {
        self.volume.sync()
    }

    /// A commit of the engine: what is in the journal, then a change that is told the end of the log, and tells the new one.
    fn transact(
        &mut self,
        change: impl FnOnce(&mut Meta<'_>, &mut Entries<'_>, Index) -> Result<Index, StorageError>,
    ) -> Result<(), StorageError> {
        let commit = self.commits.load(Ordering::Relaxed) + 1;
        self.reader = Some(self.database.begin_read().map_err(failed)?);
        let mut transaction = self.database.begin_write().map_err(failed)?;
        transaction.set_durability(Durability::Immediate).map_err(failed)?;
        let last = {
            let (mut meta, mut entries) = open_tables(&transaction)?;
            let last = carry_out(&mut meta, &mut entries, self.last, self.journal.pending())?;
            let last = change(&mut meta, &mut entries, last)?;
            let record = codec::seal(&COMMIT_KEY.to_le_bytes(), &commit.to_le_bytes());
            entries.insert(COMMIT_KEY, record.as_slice()).map_err(failed)?;
            last
        };
        transaction.commit().map_err(failed)?;
        self.journal.restart();
        self.last = last;
        self.volume.note_commit(commit)?;
        // Else a power loss could forget it until the next commit. Where there is no journal, that would make each commit twice as slow.
        if self.volume.journal_bytes() > 0 {
            self.volume.sync()?;
        }
        self.commits.store(commit, Ordering::Relaxed);
        Ok(())
    }

    /// The end of what the engine holds.
    fn last_of_engine(&self) -> Result<Index, StorageError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        let entries = transaction.open_table(ENTRIES).map_err(failed)?;
        if let Some(item) = entries.range(..COMMIT_KEY).map_err(failed)?.next_back() {
            return Ok(item.map_err(failed)?.0.value());
        }
        Ok(base(&transaction.open_table(META).map_err(failed)?)?.0.index)
    }

    fn recovered(&self) -> Result<Recovered, StorageError> {
        let transaction = self.database.begin_read().map_err(failed)?;
        let meta = transaction.open_table(META).map_err(failed)?;
        let vote = get(&meta, VOTE_KEY)?.ok_or_else(|| corrupt("the vote, which is missing"))?;
        let vote = codec::decode_vote(&vote).ok_or_else(|| corrupt("the vote"))?;
        let (compacted, configuration) = base(&meta)?;
        let mut entries = Vec::new();
        for item in transaction.open_table(ENTRIES).map_err(failed)?.range(..COMMIT_KEY).map_err(failed)? {
            let (index, record) = item.map_err(failed)?;
            let index = index.value();
            let expected = compacted.index + 1 + entries.len() as Index;
            if index != expected {
                return Err(corrupt(&format!("entry {expected}, which is missing")));
            }
            entries.push(read_entry(index, record.value())?);
        }
        Ok(Recovered { vote, compacted, configuration, entries })
    }
}

/// The number of the last commit; 0 for a file in which nothing was written yet.
pub(super) fn last_commit(database: &Database) -> Result<u64, StorageError> {
    let transaction = database.begin_read().map_err(failed)?;
    let entries = match transaction.open_table(ENTRIES) {
        Ok(entries) => entries,
        Err(TableError::TableDoesNotExist(_)) => return Ok(0),
        Err(error) => return Err(failed(error)),
    };
    let record = entries.get(COMMIT_KEY).map_err(failed)?;
    let record = record.ok_or_else(|| corrupt("the number of its last commit, which is missing"))?;
    let body = codec::open(&COMMIT_KEY.to_le_bytes(), record.value());
    let number = body.and_then(|body| body.try_into().ok()).map(u64::from_le_bytes);
    number.ok_or_else(|| corrupt("the number of its last commit"))
}

/// Where the log begins.
fn base(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<(Position, Configuration), StorageError> {
    let base = get(meta, BASE_KEY)?.ok_or_else(|| corrupt("the log's beginning, which is missing"))?;
    codec::decode_base(&base).ok_or_else(|| corrupt("the log's beginning"))
}

fn open_tables(transaction: &WriteTransaction) -> Result<(Meta<'_>, Entries<'_>), StorageError> {
    Ok((transaction.open_table(META).map_err(failed)?, transaction.open_table(ENTRIES).map_err(failed)?))
}

fn begin(meta: &mut Meta<'_>, bootstrap: &Configuration) -> Result<(), StorageError> {
    put(meta, VOTE_KEY, &codec::encode_vote(Vote::default()))?;
    put(meta, BASE_KEY, &codec::encode_base(Position::default(), bootstrap))
}

/// What a write changes, in order.
fn records_of(write: &Persist) -> impl Iterator<Item = Record> {
    let vote = write.vote.map(Record::Vote);
    let base = write.compacted.clone().map(Record::Base);
    vote.into_iter().chain(base).chain(write.entries.iter().cloned().map(Record::Entry))
}

/// The end of a log after a change of it, if that takes nothing away.
fn end_after(end: Index, record: &Record) -> Index {
    match record {
        Record::Entry(Entry { index, .. }) => {
            assert!(*index <= end + 1, "entry {index} would leave a gap after {end}");
            *index
        }
        Record::Base(Compacted { position, .. }) => end.max(position.index),
        Record::Vote(_) | Record::Promise(_) => end,
    }
}

/// Makes changes to a log that ends at `last`. Returns its new end.
fn carry_out(
    meta: &mut Meta<'_>,
    entries: &mut Entries<'_>,
    mut last: Index,
    records: &[Record],
) -> Result<Index, StorageError> {
    for record in records {
        match record {
            Record::Vote(vote) => put(meta, VOTE_KEY, &codec::encode_vote(*vote))?,
            Record::Promise(promise_us) => put(meta, PROMISE_KEY, &promise_us.to_le_bytes())?,
            Record::Base(compacted) => last = rebase(meta, entries, last, compacted)?,
            Record::Entry(entry) => last = append(entries, last, entry)?,
        }
    }
    Ok(last)
}

/// Appends an entry, replacing what is there from its index on. Returns the new end of the log.
fn append(table: &mut Entries<'_>, last: Index, entry: &Entry) -> Result<Index, StorageError> {
    let index = entry.index;
    for replaced in index + 1..=last {
        table.remove(replaced).map_err(failed)?;
    }
    let record = codec::seal(&index.to_le_bytes(), &codec::encode_entry(entry));
    table.insert(index, record.as_slice()).map_err(failed)?;
    Ok(index)
}

/// Lets the log begin after `compacted`: what is there up to it goes, and unless it is there itself so does the rest.
/// Returns the new end of the log.
fn rebase(
    meta: &mut Meta<'_>,
    table: &mut Entries<'_>,
    last: Index,
    compacted: &Compacted,
) -> Result<Index, StorageError> {
    let Compacted { position, configuration } = compacted;
    let found = table.get(position.index).map_err(failed)?;
    let found = found.map(|record| read_entry(position.index, record.value())).transpose()?;
    let first = table.first().map_err(failed)?.map(|(index, _)| index.value());
    if found.is_none() && (first.unwrap_or(COMMIT_KEY)..=last).contains(&position.index) {
        return Err(corrupt(&format!("entry {}, which is missing", position.index)));
    }
    let kept = found.is_some_and(|entry| entry.position() == *position);
    let end = if kept { last } else { position.index };
    let gone = if kept { ..position.index + 1 } else { ..Index::MAX };
    table.retain_in(gone, |_, _| false).map_err(failed)?;
    put(meta, BASE_KEY, &codec::encode_base(*position, configuration))?;
    Ok(end)
}

fn read_entry(index: Index, record: &[u8]) -> Result<Entry, StorageError> {
    let body = codec::open(&index.to_le_bytes(), record);
    body.and_then(|body| codec::decode_entry(index, body)).ok_or_else(|| corrupt(&format!("entry {index}")))
}

fn put(meta: &mut Meta<'_>, key: &'static str, body: &[u8]) -> Result<(), StorageError> {
    meta.insert(key, codec::seal(key.as_bytes(), body).as_slice()).map_err(failed)?;
    Ok(())
}

fn get(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &'static str,
) -> Result<Option<Vec<u8>>, StorageError> {
    let Some(record) = meta.get(key).map_err(failed)? else { return Ok(None) };
    let body = codec::open(key.as_bytes(), record.value()).ok_or_else(|| corrupt(&format!("the {key}")))?;
    Ok(Some(body.to_vec()))
}

fn failed(error: impl Into<redb::Error>) -> StorageError {
    database::failed(LOG_FILE, error)
}

fn corrupt(what: &str) -> StorageError {
    StorageError::Corrupt { file: LOG_FILE, what: what.to_owned() }
}

#[cfg(all(test, not(madsim)))]
mod tests;
