//! The state's tables, to read and to change: layers of changes in memory, and the file below them.

use std::sync::{Arc, RwLockReadGuard, RwLockWriteGuard};

use redb::WriteTransaction;

use super::{
    StorageError,
    durable::{Durable, definition, failed, get, get_frozen, scan_under},
    layer::{Known, Layer},
    state_file::{Layers, StateFile, write_layer},
};
use crate::kv::{KeyRange, Read, Table, Visit, Write};

/// A batch whose changes take more goes to the file while it is applied: one command may delete more than fits.
const BATCH_BYTES_MAX: usize = 128 << 20;

/// Reads the state as it stands.
#[derive(Clone)]
pub struct Reader(pub(super) Arc<StateFile>);

impl Reader {
    /// The tables at one moment. Applying waits until it is dropped: a long read takes many short ones.
    pub fn slice(&self) -> Slice<'_> {
        Slice(self.0.read())
    }

    /// How many changes of the tables were made since they were opened. It grows while entries are applied, and within each of them:
    /// one may delete millions of keys. To look waits for nobody.
    pub fn changes(&self) -> u64 {
        self.0.changes()
    }

    /// What the file holds.
    pub(super) fn durable(&self) -> Arc<Durable> {
        self.0.read().durable.clone()
    }
}

/// The state at one moment.
pub struct Slice<'a>(RwLockReadGuard<'a, Layers>);

impl Read for Slice<'_> {
    type Error = StorageError;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let layers = self.0.whole()?;
        match layers.active.get(table, key) {
            Known::Value(value) => Ok(Some(value.to_vec())),
            Known::Removed => Ok(None),
            Known::Nothing => get_frozen(&layers.frozen, &layers.durable, table, key),
        }
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        let layers = self.0.whole()?;
        layers.durable.scan_under(&layers.newest_first(), table, range, false, visit)
    }

    fn scan_back(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        let layers = self.0.whole()?;
        layers.durable.scan_under(&layers.newest_first(), table, range, true, visit)
    }
}

/// The state in the hands of who applies: nobody reads until it is given back. What was begun and not finished (for the disk failed)
/// makes the store good for nothing: nobody reads it any more ([`Layers::whole`]).
pub struct Tables<'a> {
    file: &'a StateFile,
    layers: RwLockWriteGuard<'a, Layers>,
    /// What the layer held already, of batches before: that waits for a flush, and is no reason to write now.
    bytes_before: usize,
    /// Where the changes of a large batch go; the layers below it are part of it.
    spilled: Option<WriteTransaction>,
}

impl<'a> Tables<'a> {
    pub(super) fn new(file: &'a StateFile) -> Self {
        let layers = file.write();
        Self { file, bytes_before: layers.active.bytes, layers, spilled: None }
    }
}

impl Tables<'_> {
    /// Ends a batch. A large one becomes durable now.
    ///
    /// # Errors
    /// The disk failed.
    pub fn finish(mut self) -> Result<(), StorageError> {
        if let Some(transaction) = self.spilled.take() {
            write_layer(&transaction, &self.layers.active, || self.file.note_change())?;
            self.file.replace_under(&mut self.layers, transaction)?;
        }
        self.layers.is_half_changed = false;
        Ok(())
    }

    /// A change follows: makes room in memory, if the batch has become large.
    fn prepare(&mut self) -> Result<(), StorageError> {
        let file = self.file;
        file.note_change();
        self.layers.is_half_changed = true;
        if self.layers.active.bytes.saturating_sub(self.bytes_before) < BATCH_BYTES_MAX {
            return Ok(());
        }
        self.bytes_before = 0;
        if self.spilled.is_none() {
            let transaction = file.begin()?;
            let frozen = &self.layers.frozen;
            frozen.iter().try_for_each(|layer| write_layer(&transaction, layer, || file.note_change()))?;
            self.spilled = Some(transaction);
        }
        let transaction = self.spilled.as_ref().expect("it was just begun");
        write_layer(transaction, &std::mem::take(&mut self.layers.active), || file.note_change())
    }

    /// The active layer, and what finds the records below it.
    fn split(
        &mut self,
        table: Table,
        key: &[u8],
    ) -> (&mut Layer, impl FnOnce() -> Result<Option<Vec<u8>>, StorageError>) {
        let Layers { active, frozen, durable, .. } = &mut *self.layers;
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
        self.prepare()?;
        let (active, below) = self.split(table, key);
        active.insert(table, key, value.to_vec(), below)
    }

    fn append(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        self.prepare()?;
        self.layers.active.append(table, key, value.to_vec());
        Ok(())
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.prepare()?;
        let (active, below) = self.split(table, key);
        active.remove(table, key, below)
    }
}
