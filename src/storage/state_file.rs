//! The state machine's file and the layers of changes above it, shared by all who read, change and flush them.

use std::{
    ops::Bound,
    sync::{
        Arc, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableHandle, WriteTransaction,
};

use super::{
    LOG_FILE, STATE_FILE, StorageError,
    block_sums::Keeping,
    codec, database,
    durable::{Durable, STAGED, definition, failed, staged_definition},
    layer::Layer,
    volume::Volume,
};
use crate::{
    env::{Knob, knob, sometimes},
    kv::{self, Read, Table},
    raft::Configuration,
};

/// Pages of the file kept in memory: where the hot part of the key space should fit.
const CACHE_BYTES: usize = 64 << 20;

/// Changes of one layer that are moved into another, at most: whoever applies waits meanwhile.
const MERGED_BYTES_MAX: usize = 2 << 20;

/// What the file says of itself: the number of its last commit, and of the log's last commit at that time.
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const COMMITS_KEY: &str = "commits";

/// What the store and those who read and flush it beside share.
pub(super) struct StateFile {
    database: Database,
    volume: Arc<Volume>,
    layers: RwLock<Layers>,
    /// How many changes were made: see [`Reader::changes`](super::Reader::changes).
    changes: AtomicU64,
    /// Changed by who holds the write transaction.
    commits: AtomicU64,
    generation: AtomicU64,
    log_commits: Arc<AtomicU64>,
    /// The log's last commit, as the file tells it.
    log_commits_recorded: AtomicU64,
}

pub(super) struct Layers {
    pub(super) active: Layer,
    /// The oldest first.
    pub(super) frozen: Vec<Arc<Layer>>,
    /// So many of them are being flushed, or are about to be.
    flushing: usize,
    pub(super) durable: Arc<Durable>,
    /// A batch is being applied, or broke off: some of it is in the active layer.
    pub(super) is_half_changed: bool,
}

impl StateFile {
    pub(super) fn open(volume: Volume, log_commits: Arc<AtomicU64>) -> Result<Self, StorageError> {
        let volume = Arc::new(volume);
        let database = database::open(&volume, Keeping::InFile, CACHE_BYTES)?;
        let (commits, log_commits_seen) = read_commits(&database)?;
        volume.check_commits(commits)?;
        // What is recorded was durable in the log before, whether its note was or not: no crash takes it from there.
        let log_has = log_commits.load(Ordering::Relaxed);
        if log_commits_seen > log_has {
            let what = format!(
                "{LOG_FILE} ends with commit {log_has}, but {STATE_FILE} has seen its commit {log_commits_seen}: \
                 an older log was put in its place"
            );
            return Err(StorageError::Lost { what });
        }
        prepare(&database)?;
        let durable = Durable::open(&database, definition)?.into();
        let layers = Layers {
            active: Layer::default(),
            frozen: Vec::new(),
            flushing: 0,
            durable,
            is_half_changed: false,
        };
        Ok(Self {
            database,
            volume,
            layers: RwLock::new(layers),
            changes: AtomicU64::new(0),
            commits: AtomicU64::new(commits),
            generation: AtomicU64::new(0),
            log_commits,
            log_commits_recorded: AtomicU64::new(log_commits_seen),
        })
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().expect("who changes the state does not panic")
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Layers> {
        self.layers.write().expect("who changes the state does not panic")
    }

    /// Whoever applies, or makes room for that, goes on.
    pub(super) fn note_change(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// The one write transaction: waits until nobody else has it.
    pub(super) fn begin(&self) -> Result<WriteTransaction, StorageError> {
        begin(&self.database)
    }

    /// Makes the layers durable that [`Layers::take_all`] took, while others grow. Returns what the file holds then.
    pub(super) fn flush(&self) -> Result<Arc<Durable>, StorageError> {
        let generation = self.generation.load(Ordering::Acquire);
        let frozen = self.read().whole()?.taken().to_vec();
        let recorded = self.log_commits_recorded.load(Ordering::Acquire);
        if !frozen.is_empty() || recorded < self.log_commits.load(Ordering::Acquire) {
            let transaction = self.begin()?;
            if self.generation.load(Ordering::Acquire) == generation {
                for layer in &frozen {
                    // A batch of whoever applies may wait for this one.
                    write_layer(&transaction, layer, || self.note_change())?;
                }
                let durable = self.commit(transaction)?;
                let mut layers = self.write();
                if self.generation.load(Ordering::Acquire) == generation {
                    layers.frozen.drain(..frozen.len());
                    layers.flushing = 0;
                    layers.durable = durable;
                }
            }
        }
        Ok(self.read().durable.clone())
    }

    /// Commits in two phases, so that what the file points at is whole, and records which pages are free: opening
    /// after a crash is a matter of moments, however large the state.
    fn commit(&self, transaction: WriteTransaction) -> Result<Arc<Durable>, StorageError> {
        let commit = self.commits.load(Ordering::Acquire) + 1;
        let log_commits = self.log_commits.load(Ordering::Acquire);
        let numbers = [commit, log_commits].map(u64::to_le_bytes);
        let record = codec::seal(COMMITS_KEY.as_bytes(), numbers.as_flattened());
        let mut meta = transaction.open_table(META).map_err(failed)?;
        meta.insert(COMMITS_KEY, record.as_slice()).map_err(failed)?;
        drop(meta);
        self.commits.store(commit, Ordering::Release);
        self.log_commits_recorded.store(log_commits, Ordering::Release);
        transaction.commit().map_err(failed)?;
        self.volume.note_commit(commit)?;
        Ok(Durable::open(&self.database, definition)?.into())
    }

    /// Commits what takes the place of the file and of all layers.
    pub(super) fn replace(&self, transaction: WriteTransaction) -> Result<(), StorageError> {
        self.replace_under(&mut self.write(), transaction)
    }

    pub(super) fn replace_under(
        &self,
        layers: &mut Layers,
        transaction: WriteTransaction,
    ) -> Result<(), StorageError> {
        self.generation.fetch_add(1, Ordering::AcqRel);
        layers.durable = self.commit(transaction)?;
        layers.active = Layer::default();
        layers.frozen.clear();
        layers.flushing = 0;
        Ok(())
    }

    /// A transaction whose changes a crash may lose: pieces of a snapshot are sent again.
    pub(super) fn begin_volatile(&self) -> Result<WriteTransaction, StorageError> {
        let mut transaction = self.database.begin_write().map_err(failed)?;
        transaction.set_durability(Durability::None).map_err(failed)?;
        Ok(transaction)
    }

    /// The tables in which a received snapshot gathers.
    pub(super) fn staged(&self) -> Result<Durable, StorageError> {
        Durable::open(&self.database, staged_definition)
    }

    /// The state as it stands, for good.
    pub(super) fn frozen(&self) -> Result<(Vec<Arc<Layer>>, Arc<Durable>), StorageError> {
        let mut layers = self.write();
        layers.whole()?;
        layers.freeze();
        Ok((layers.frozen.clone(), layers.durable.clone()))
    }
}

impl Layers {
    /// These, if every batch in them is whole. If one broke off, for the disk failed, nobody may see what there is of it: the node is
    /// about to stop.
    pub(super) fn whole(&self) -> Result<&Self, StorageError> {
        match self.is_half_changed {
            false => Ok(self),
            true => {
                sometimes!(BatchBrokeOff);
                Err(StorageError::Disk {
                    file: STATE_FILE,
                    reason: "a change of the state broke off".to_owned(),
                })
            }
        }
    }

    /// All changes so far are to be flushed.
    pub(super) fn take_all(&mut self) {
        self.freeze();
        self.flushing = self.frozen.len();
    }

    /// The layers that are to be flushed.
    fn taken(&self) -> &[Arc<Layer>] {
        &self.frozen[..self.flushing]
    }

    /// What the changes take in memory that nobody flushes yet: in the active layer, and in those that views froze.
    pub(super) fn unflushed_bytes(&self) -> usize {
        let frozen = self.frozen[self.flushing..].iter().map(|layer| layer.bytes);
        self.active.bytes + frozen.sum::<usize>()
    }

    /// A small layer becomes part of the one below, if nobody holds that: views of the state leave many behind.
    fn freeze(&mut self) {
        if self.active.is_empty() {
            return;
        }
        let mut newest = std::mem::take(&mut self.active);
        while newest.bytes < knob(Knob::MergedBytes, MERGED_BYTES_MAX)
            && self.frozen.len() > self.flushing
            && let Some(mut below) = self.frozen.pop()
        {
            match Arc::get_mut(&mut below) {
                Some(layer) => {
                    layer.cover(newest);
                    newest = std::mem::take(layer);
                }
                None => {
                    sometimes!(LayersKeptApart);
                    self.frozen.push(below);
                    break;
                }
            }
        }
        self.frozen.push(Arc::new(newest));
    }

    /// The layers, the newest first.
    pub(super) fn newest_first(&self) -> Vec<&Layer> {
        std::iter::once(&self.active).chain(self.frozen.iter().rev().map(|layer| &**layer)).collect()
    }
}

pub(super) fn members_of(
    state: &impl Read<Error = StorageError>,
) -> Result<Option<Configuration>, StorageError> {
    let Some(record) = kv::members(state)? else { return Ok(None) };
    let corrupt = || StorageError::Corrupt { file: STATE_FILE, what: "the record of the members".to_owned() };
    codec::decode_members(&record).map(Some).ok_or_else(corrupt)
}

/// What goes behind all that is stored, as the history does, is appended: to search its place would cost several times as much. `written`
/// is told of each change.
pub(super) fn write_layer(
    transaction: &WriteTransaction,
    layer: &Layer,
    mut written: impl FnMut(),
) -> Result<(), StorageError> {
    for table in Table::ALL {
        let mut changes = layer.changes(table).peekable();
        if changes.peek().is_none() {
            continue;
        }
        let mut stored = transaction.open_table(definition(table)).map_err(failed)?;
        let end = stored.last().map_err(failed)?.map(|(key, _)| key.value().to_vec());
        let is_within = |key: &[u8]| end.as_deref().is_some_and(|end| key <= end);
        while let Some((key, value)) = changes.next_if(|(key, _)| is_within(key)) {
            match value {
                Some(value) => stored.insert(key, value).map_err(failed)?,
                None => stored.remove(key).map_err(failed)?,
            };
            written();
        }
        let mut end = stored.upper_bound_mut(Bound::<&[u8]>::Unbounded).map_err(failed)?;
        for (key, value) in changes {
            if let Some(value) = value {
                end.insert_before(key, value).map_err(failed)?;
            }
            written();
        }
        end.close().map_err(failed)?;
    }
    Ok(())
}

/// Makes sure that all tables exist, and forgets what was staged of a snapshot.
fn prepare(database: &Database) -> Result<(), StorageError> {
    let known = database.begin_read().map_err(failed)?;
    let known: Vec<String> =
        known.list_tables().map_err(failed)?.map(|table| table.name().to_owned()).collect();
    let staged = known.iter().any(|name| name.starts_with(STAGED));
    if !staged && Table::ALL.iter().all(|table| known.contains(&definition(*table).name().to_owned())) {
        return Ok(());
    }
    sometimes!(staged, StagedForgotten);
    let transaction = begin(database)?;
    for table in Table::ALL {
        transaction.open_table(definition(table)).map_err(failed)?;
        transaction.delete_table(staged_definition(table)).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

fn begin(database: &Database) -> Result<WriteTransaction, StorageError> {
    let mut transaction = database.begin_write().map_err(failed)?;
    transaction.set_durability(Durability::Immediate).map_err(failed)?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// The numbers of the state's last commit and of the log's at that time; 0 for none.
pub(super) fn read_commits(database: &Database) -> Result<(u64, u64), StorageError> {
    let corrupt =
        || StorageError::Corrupt { file: STATE_FILE, what: "the number of its last commit".to_owned() };
    let meta = match database.begin_read().map_err(failed)?.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok((0, 0)),
        Err(error) => return Err(failed(error)),
    };
    let Some(record) = ReadableTable::get(&meta, COMMITS_KEY).map_err(failed)? else { return Ok((0, 0)) };
    let body = codec::open(COMMITS_KEY.as_bytes(), record.value()).ok_or_else(corrupt)?;
    let [commits, log_commits] = *body.as_chunks::<8>().0 else { return Err(corrupt()) };
    Ok((u64::from_le_bytes(commits), u64::from_le_bytes(log_commits)))
}
