//! What the state's file holds, as one commit left it.

use std::sync::Arc;

use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition};

use super::{
    STATE_FILE, StorageError, database,
    layer::{self, Known, Layer, is_empty},
};
use crate::kv::{KeyRange, Read, Table, Visit};

pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type FileTable = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The file's tables as one commit left them.
pub(super) struct Durable(Vec<FileTable>);

impl Durable {
    pub(super) fn open(
        database: &Database,
        definition: fn(Table) -> Definition,
    ) -> Result<Self, StorageError> {
        let transaction = database.begin_read().map_err(failed)?;
        let tables =
            Table::ALL.iter().map(|table| transaction.open_table(definition(*table)).map_err(failed));
        tables.collect::<Result<_, _>>().map(Self)
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

pub(super) fn get(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StorageError> {
    Ok(table.get(key).map_err(failed)?.map(|guard| guard.value().to_vec()))
}

pub(super) fn scan_under(
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
    TableDefinition::new(&staged_name(table)[STAGED.len()..])
}

/// Where a received snapshot gathers, beside the tables whose place it takes.
pub(super) fn staged_definition(table: Table) -> Definition {
    TableDefinition::new(staged_name(table))
}

/// What the name of a table begins with in which a received snapshot gathers.
pub(super) const STAGED: &str = "staged.";

/// [`STAGED`], and the name of the table.
fn staged_name(table: Table) -> &'static str {
    match table {
        Table::Header => "staged.header",
        Table::Current => "staged.current",
        Table::History => "staged.history",
        Table::Sessions => "staged.sessions",
        Table::Replies => "staged.replies",
        Table::Members => "staged.members",
        Table::Index => "staged.index",
        Table::Alarms => "staged.alarms",
    }
}

pub(super) fn failed(error: impl Into<redb::Error>) -> StorageError {
    database::failed(STATE_FILE, error)
}
