//! The state machine's file, and the changes in memory above it.
//!
//! ```text
//!  apply ──▶ active layer ──freeze──▶ frozen layers ──flush──▶ state.redb (one redb table for each table of kv)
//!  reads look through all three, the newest first
//! ```
//!
//! What is applied goes into an ordered layer in memory. Now and then the layer is frozen and flushed: its changes, the
//! superseded ones long forgotten, become durable in one transaction, and the header with the applied index is one of
//! them. Applying goes on in the next layer meanwhile. A crash loses the layers; the log has it all.
//!
//! Who writes to the file holds the engine's one write transaction: a flush, a piece of a received snapshot, its
//! installation, or a batch too large for memory. `generation` counts what makes a flush that has not begun obsolete.

use std::sync::{
    Arc, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU64, Ordering},
};

use redb::{
    Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition, TableHandle,
    WriteTransaction,
};

use super::{
    LOG_FILE, STATE_FILE, StorageError,
    block_sums::Keeping,
    codec, database,
    layer::{self, Known, Layer, is_empty},
    snapshot::Staged,
    volume::Volume,
};
use crate::{
    kv::{self, Header, KeyRange, Read, Table, Visit, Write},
    raft::{Configuration, Index},
};

/// Pages of the file kept in memory: where the hot part of the key space should fit.
const CACHE_BYTES: usize = 64 << 20;

/// A batch whose changes take more goes to the file while it is applied: one command may delete more than fits.
const BATCH_BYTES_MAX: usize = 128 << 20;

/// What the file says of itself: the number of its last commit, and of the log's last commit at that time.
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const COMMITS_KEY: &str = "commits";

pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type FileTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The state of one node's state machine.
pub struct StateStore {
    pub(super) file: Arc<StateFile>,
    /// The snapshot that is being received.
    pub(super) staged: Option<Staged>,
}

/// What the store and those who read and flush it beside share.
pub(super) struct StateFile {
    database: Database,
    volume: Arc<Volume>,
    layers: RwLock<Layers>,
    /// Changed by who holds the write transaction.
    commits: AtomicU64,
    generation: AtomicU64,
    log_commits: Arc<AtomicU64>,
}

struct Layers {
    active: Layer,
    /// The oldest first.
    frozen: Vec<Arc<Layer>>,
    durable: Arc<Durable>,
}

/// The file's tables as one commit left them.
pub(super) struct Durable([FileTable; Table::ALL.len()]);

impl StateStore {
    /// Opens the state, or begins an empty one. It must have seen no later commit of the log than the log has.
    pub(super) fn open(volume: Volume, log_commits: Arc<AtomicU64>) -> Result<Self, StorageError> {
        database::opening(STATE_FILE, || {
            let file = Arc::new(StateFile::open(volume, log_commits)?);
            Ok(Self { file, staged: None })
        })
    }

    /// The tables, to read and to change: see [`Tables`].
    ///
    /// # Errors
    /// None; reading and writing have some.
    pub fn tables(&self) -> Result<Tables<'_>, StorageError> {
        Ok(Tables { file: &self.file, layers: self.file.write(), spilled: None })
    }

    /// Who belongs to the cluster, by what was applied; `None` before the first change.
    ///
    /// # Errors
    /// The disk failed, or the record is corrupt.
    pub fn configuration(&self) -> Result<Option<Configuration>, StorageError> {
        members_of(&self.reader().slice())
    }

    /// What reads the state beside whoever applies.
    pub fn reader(&self) -> Reader {
        Reader(self.file.clone())
    }

    /// What makes the state durable beside whoever applies.
    pub fn flusher(&self) -> Flusher {
        Flusher(self.file.clone())
    }

    /// What the changes take in memory that are not being flushed yet.
    pub fn unflushed_bytes(&self) -> usize {
        self.file.read().active.bytes
    }

    /// Makes every change so far durable, now. Returns the applied index.
    ///
    /// # Errors
    /// The disk failed.
    pub fn sync(&mut self) -> Result<Index, StorageError> {
        self.flusher().flush()
    }
}

/// Reads the state as it stands.
#[derive(Clone)]
pub struct Reader(Arc<StateFile>);

impl Reader {
    /// The tables at one moment. Applying waits until it is dropped: a long read takes many short ones.
    pub fn slice(&self) -> Slice<'_> {
        Slice(self.0.read())
    }
}

/// Makes changes durable.
#[derive(Clone)]
pub struct Flusher(Arc<StateFile>);

impl Flusher {
    /// Makes every change so far durable, while applying goes on. Returns the index that is durable then. One at a time.
    ///
    /// # Errors
    /// The disk failed.
    pub fn flush(&self) -> Result<Index, StorageError> {
        let file = &*self.0;
        let generation = file.generation.load(Ordering::Acquire);
        let frozen = {
            let mut layers = file.write();
            layers.freeze();
            layers.frozen.clone()
        };
        if !frozen.is_empty() {
            let transaction = file.begin()?;
            if file.generation.load(Ordering::Acquire) == generation {
                for layer in &frozen {
                    write_layer(&transaction, layer)?;
                }
                let durable = file.commit(transaction)?;
                let mut layers = file.write();
                if file.generation.load(Ordering::Acquire) == generation {
                    layers.frozen.drain(..frozen.len());
                    layers.durable = durable;
                }
            }
        }
        let durable = file.read().durable.clone();
        Ok(Header::load(&*durable)?.applied_index)
    }
}

impl StateFile {
    fn open(volume: Volume, log_commits: Arc<AtomicU64>) -> Result<Self, StorageError> {
        let volume = Arc::new(volume);
        let database = database::open(&volume, Keeping::InFile, CACHE_BYTES)?;
        let (commits, log_commits_seen) = read_commits(&database)?;
        volume.check_commits(commits)?;
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
        let layers = Layers { active: Layer::default(), frozen: Vec::new(), durable };
        Ok(Self {
            database,
            volume,
            layers: RwLock::new(layers),
            commits: AtomicU64::new(commits),
            generation: AtomicU64::new(0),
            log_commits,
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().expect("who changes the state does not panic")
    }

    fn write(&self) -> RwLockWriteGuard<'_, Layers> {
        self.layers.write().expect("who changes the state does not panic")
    }

    /// The one write transaction: waits until nobody else has it.
    pub(super) fn begin(&self) -> Result<WriteTransaction, StorageError> {
        begin(&self.database)
    }

    /// Commits in two phases, so that what the file points at is whole, and records which pages are free: opening
    /// after a crash is a matter of moments, however large the state.
    fn commit(&self, transaction: WriteTransaction) -> Result<Arc<Durable>, StorageError> {
        let commit = self.commits.load(Ordering::Acquire) + 1;
        let numbers = [commit, self.log_commits.load(Ordering::Relaxed)].map(u64::to_le_bytes);
        let record = codec::seal(COMMITS_KEY.as_bytes(), numbers.as_flattened());
        let mut meta = transaction.open_table(META).map_err(failed)?;
        meta.insert(COMMITS_KEY, record.as_slice()).map_err(failed)?;
        drop(meta);
        self.commits.store(commit, Ordering::Release);
        transaction.commit().map_err(failed)?;
        self.volume.note_commit(commit)?;
        Ok(Durable::open(&self.database, definition)?.into())
    }

    /// Commits what takes the place of the file and of all layers.
    pub(super) fn replace(&self, transaction: WriteTransaction) -> Result<(), StorageError> {
        self.replace_under(&mut self.write(), transaction)
    }

    fn replace_under(&self, layers: &mut Layers, transaction: WriteTransaction) -> Result<(), StorageError> {
        self.generation.fetch_add(1, Ordering::AcqRel);
        layers.durable = self.commit(transaction)?;
        layers.active = Layer::default();
        layers.frozen.clear();
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
    pub(super) fn frozen(&self) -> (Vec<Arc<Layer>>, Arc<Durable>) {
        let mut layers = self.write();
        layers.freeze();
        (layers.frozen.clone(), layers.durable.clone())
    }
}

impl Layers {
    fn freeze(&mut self) {
        if !self.active.is_empty() {
            self.frozen.push(Arc::new(std::mem::take(&mut self.active)));
        }
    }

    /// The layers, the newest first.
    fn newest_first(&self) -> Vec<&Layer> {
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

/// Finds a record in frozen layers, or in the file below them.
pub(super) fn get_frozen(
    frozen: &[Arc<Layer>],
    durable: &Durable,
    table: Table,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StorageError> {
    for layer in frozen.iter().rev() {
        match layer.get(table, key) {
            Known::Value(value) => return Ok(Some(value.to_vec())),
            Known::Removed => return Ok(None),
            Known::Nothing => {}
        }
    }
    durable.get(table, key)
}

impl Durable {
    fn open(database: &Database, definition: fn(Table) -> Definition) -> Result<Self, StorageError> {
        let transaction = database.begin_read().map_err(failed)?;
        let [header, current, history, sessions, replies, members] =
            Table::ALL.map(|table| transaction.open_table(definition(table)).map_err(failed));
        Ok(Self([header?, current?, history?, sessions?, replies?, members?]))
    }

    /// Visits a range of a table as it looks under layers, the newest of which is the first.
    pub(super) fn scan_under(
        &self,
        layers: &[&Layer],
        table: Table,
        range: KeyRange<'_>,
        back: bool,
        visit: Visit<'_>,
    ) -> Result<(), StorageError> {
        scan_under(&self.0[table as usize], layers, table, range, back, visit)
    }
}

impl Read for Durable {
    type Error = StorageError;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        get(&self.0[table as usize], key)
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        self.scan_under(&[], table, range, false, visit)
    }

    fn scan_back(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        self.scan_under(&[], table, range, true, visit)
    }
}

/// The state at one moment.
pub struct Slice<'a>(RwLockReadGuard<'a, Layers>);

impl Read for Slice<'_> {
    type Error = StorageError;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        match self.0.active.get(table, key) {
            Known::Value(value) => Ok(Some(value.to_vec())),
            Known::Removed => Ok(None),
            Known::Nothing => get_frozen(&self.0.frozen, &self.0.durable, table, key),
        }
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        self.0.durable.scan_under(&self.0.newest_first(), table, range, false, visit)
    }

    fn scan_back(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        self.0.durable.scan_under(&self.0.newest_first(), table, range, true, visit)
    }
}

/// The state in the hands of who applies: nobody reads until it is given back. After an error the store is good for
/// nothing: some of a change may be made.
pub struct Tables<'a> {
    file: &'a StateFile,
    layers: RwLockWriteGuard<'a, Layers>,
    /// Where the changes of a large batch go; the layers below it are part of it.
    spilled: Option<WriteTransaction>,
}

impl Tables<'_> {
    /// Ends a batch. A large one becomes durable now.
    ///
    /// # Errors
    /// The disk failed.
    pub fn finish(mut self) -> Result<(), StorageError> {
        let Some(transaction) = self.spilled.take() else { return Ok(()) };
        write_layer(&transaction, &self.layers.active)?;
        self.file.replace_under(&mut self.layers, transaction)
    }

    /// Makes room in memory, if the batch has become large.
    fn spill(&mut self) -> Result<(), StorageError> {
        if self.layers.active.bytes < BATCH_BYTES_MAX {
            return Ok(());
        }
        if self.spilled.is_none() {
            let transaction = self.file.begin()?;
            self.layers.frozen.iter().try_for_each(|layer| write_layer(&transaction, layer))?;
            self.spilled = Some(transaction);
        }
        let transaction = self.spilled.as_ref().expect("it was just begun");
        write_layer(transaction, &std::mem::take(&mut self.layers.active))
    }

    /// The active layer, and what finds the records below it.
    fn split(
        &mut self,
        table: Table,
        key: &[u8],
    ) -> (&mut Layer, impl FnOnce() -> Result<Option<Vec<u8>>, StorageError>) {
        let Layers { active, frozen, durable } = &mut *self.layers;
        let spilled = self.spilled.as_ref();
        (active, move || below_active(spilled, frozen, durable, table, key))
    }

    fn visit(
        &self,
        table: Table,
        range: KeyRange<'_>,
        back: bool,
        visit: Visit<'_>,
    ) -> Result<(), StorageError> {
        match &self.spilled {
            Some(transaction) => {
                let stored = transaction.open_table(definition(table)).map_err(failed)?;
                scan_under(&stored, &[&self.layers.active], table, range, back, visit)
            }
            None => self.layers.durable.scan_under(&self.layers.newest_first(), table, range, back, visit),
        }
    }
}

fn below_active(
    spilled: Option<&WriteTransaction>,
    frozen: &[Arc<Layer>],
    durable: &Durable,
    table: Table,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StorageError> {
    match spilled {
        Some(transaction) => get(&transaction.open_table(definition(table)).map_err(failed)?, key),
        None => get_frozen(frozen, durable, table, key),
    }
}

impl Read for Tables<'_> {
    type Error = StorageError;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        match self.layers.active.get(table, key) {
            Known::Value(value) => Ok(Some(value.to_vec())),
            Known::Removed => Ok(None),
            Known::Nothing => {
                below_active(self.spilled.as_ref(), &self.layers.frozen, &self.layers.durable, table, key)
            }
        }
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        self.visit(table, range, false, visit)
    }

    fn scan_back(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        self.visit(table, range, true, visit)
    }
}

impl Write for Tables<'_> {
    fn insert(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.spill()?;
        let (active, below) = self.split(table, key);
        active.insert(table, key, value.to_vec(), below)
    }

    fn append(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        self.spill()?;
        self.layers.active.insert(table, key, value.to_vec(), || Ok(None)).map(drop)
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.spill()?;
        let (active, below) = self.split(table, key);
        active.remove(table, key, below)
    }
}

fn write_layer(transaction: &WriteTransaction, layer: &Layer) -> Result<(), StorageError> {
    for table in Table::ALL {
        let mut stored = transaction.open_table(definition(table)).map_err(failed)?;
        for (key, value) in layer.changes(table) {
            match value {
                Some(value) => stored.insert(key, value).map_err(failed)?,
                None => stored.remove(key).map_err(failed)?,
            };
        }
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
fn read_commits(database: &Database) -> Result<(u64, u64), StorageError> {
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

fn get(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StorageError> {
    Ok(table.get(key).map_err(failed)?.map(|guard| guard.value().to_vec()))
}

fn scan_under(
    stored: &impl ReadableTable<&'static [u8], &'static [u8]>,
    layers: &[&Layer],
    table: Table,
    range: KeyRange<'_>,
    back: bool,
    visit: Visit<'_>,
) -> Result<(), StorageError> {
    if is_empty(range) {
        return Ok(());
    }
    let below = stored.range::<&[u8]>(range).map_err(failed)?;
    layer::scan(layers, below, table, range, back, visit).map_err(failed)
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

const STAGED: &str = "staged.";

/// Where a received snapshot gathers, beside the tables whose place it takes.
pub(super) fn staged_definition(table: Table) -> Definition {
    Definition::new(match table {
        Table::Header => "staged.header",
        Table::Current => "staged.current",
        Table::History => "staged.history",
        Table::Sessions => "staged.sessions",
        Table::Replies => "staged.replies",
        Table::Members => "staged.members",
    })
}

pub(super) fn failed(error: impl Into<redb::Error>) -> StorageError {
    database::failed(STATE_FILE, error)
}

#[cfg(all(test, not(madsim)))]
mod tests;
