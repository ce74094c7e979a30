//! The state on its way to another node: read from a view that stands still, record by record, and staged at the
//! receiver in tables beside the state's own, whose place they take in one transaction.

use std::ops::Bound;

use redb::{ReadOnlyTable, ReadableDatabase};

use super::{
    StateStore, StorageError, Tables,
    state_store::{Definition, definition, failed},
};
use crate::{
    kv::{Header, Table, Write, contribution},
    raft::{InstallFailure, Position, Snapshot},
};

/// One record of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it lies.
    pub table: Table,
    /// Under which key.
    pub key: Vec<u8>,
    /// What.
    pub value: Vec<u8>,
}

/// The last record that has arrived; `None` for nothing. Records travel in the order of tables, then of keys.
pub type Place = Option<(Table, Vec<u8>)>;

/// The state as it stood at one moment. Writes go on meanwhile and leave no mark on it.
pub struct StateView {
    tables: [ReadOnlyTable<&'static [u8], &'static [u8]>; Table::ALL.len()],
    /// What it stands for.
    pub snapshot: Snapshot,
}

impl StateView {
    /// The records that follow a place: about as many as weigh `bytes_max`, none at the end.
    ///
    /// # Errors
    /// The disk failed.
    pub fn records_after(&self, place: &Place, bytes_max: usize) -> Result<Vec<Record>, StorageError> {
        let mut records = Vec::new();
        let mut bytes = 0;
        for (table, stored) in Table::ALL.into_iter().zip(&self.tables) {
            let start = match place {
                Some((reached, _)) if table < *reached => continue,
                Some((reached, key)) if table == *reached => Bound::Excluded(key.as_slice()),
                _ => Bound::Unbounded,
            };
            for pair in stored.range::<&[u8]>((start, Bound::Unbounded)).map_err(failed)? {
                if bytes >= bytes_max {
                    return Ok(records);
                }
                let (key, value) = pair.map_err(failed)?;
                let record = Record { table, key: key.value().to_vec(), value: value.value().to_vec() };
                bytes += record.key.len() + record.value.len();
                records.push(record);
            }
        }
        Ok(records)
    }
}

/// What has arrived of a snapshot.
pub(super) struct Staged {
    last: Position,
    place: Place,
    content_hash: u128,
}

/// The snapshot's side of the state.
impl StateStore {
    /// Makes the state durable, and shows it as it stands.
    ///
    /// # Errors
    /// The disk failed, or the state is corrupt.
    pub fn view(&mut self) -> Result<StateView, StorageError> {
        let header = Header::load(&self.tables()?)?;
        let last = Position { term: header.applied_term, index: header.applied_index };
        let configuration = self.configuration()?.unwrap_or_default().into();
        self.sync()?;
        let transaction = self.database.begin_read().map_err(failed)?;
        let [header, current, history, sessions, replies, members] =
            Table::ALL.map(|table| transaction.open_table(definition(table)).map_err(failed));
        let tables = [header?, current?, history?, sessions?, replies?, members?];
        Ok(StateView { tables, snapshot: Snapshot { last, configuration } })
    }

    /// Prepares to receive the snapshot that stands for the log up to `last`. Returns where it goes on: what has arrived
    /// of the very same one is kept, what has of another is dropped.
    ///
    /// # Errors
    /// The disk failed.
    pub fn begin_stage(&mut self, last: Position) -> Result<Place, StorageError> {
        if let Some(staged) = self.staged.as_ref().filter(|staged| staged.last == last) {
            return Ok(staged.place.clone());
        }
        self.clear_stage()?;
        self.staged = Some(Staged { last, place: None, content_hash: 0 });
        Ok(None)
    }

    /// Takes records that follow what has arrived. False: another snapshot is being received, or some are missing.
    ///
    /// # Errors
    /// The disk failed.
    pub fn stage(&mut self, last: Position, after: &Place, records: &[Record]) -> Result<bool, StorageError> {
        let Some(mut staged) = self.staged.take() else { return Ok(false) };
        let follows = staged.last == last && staged.place == *after;
        if follows {
            let mut tables = Tables::open(self.transaction(), staged_definition)?;
            for Record { table, key, value } in records {
                tables.insert(*table, key, value)?;
                if *table != Table::Header {
                    staged.content_hash = staged.content_hash.wrapping_add(contribution(*table, key, value));
                }
            }
            if let Some(Record { table, key, .. }) = records.last() {
                staged.place = Some((*table, key.clone()));
            }
        }
        self.staged = Some(staged);
        Ok(follows)
    }

    /// Puts the staged snapshot in the state's place, durably, unless another one is staged or what arrived is not what was
    /// sent.
    ///
    /// # Errors
    /// The disk failed.
    pub fn install(&mut self, snapshot: &Snapshot) -> Result<Result<Header, InstallFailure>, StorageError> {
        let Some(staged) = self.staged.take_if(|staged| staged.last == snapshot.last) else {
            return Ok(Err(InstallFailure::NotStaged));
        };
        let header = Header::load(&Tables::open(self.transaction(), staged_definition)?)?;
        let last = Position { term: header.applied_term, index: header.applied_index };
        if last != snapshot.last || header.content_hash != staged.content_hash {
            self.clear_stage()?;
            return Ok(Err(InstallFailure::Damaged));
        }
        for table in Table::ALL {
            self.transaction().delete_table(definition(table)).map_err(failed)?;
            self.transaction().rename_table(staged_definition(table), definition(table)).map_err(failed)?;
        }
        self.sync()?;
        Ok(Ok(header))
    }

    pub(super) fn clear_stage(&self) -> Result<(), StorageError> {
        for table in Table::ALL {
            self.transaction().delete_table(staged_definition(table)).map_err(failed)?;
        }
        Ok(())
    }
}

fn staged_definition(table: Table) -> Definition {
    Definition::new(match table {
        Table::Header => "staged.header",
        Table::Current => "staged.current",
        Table::History => "staged.history",
        Table::Sessions => "staged.sessions",
        Table::Replies => "staged.replies",
        Table::Members => "staged.members",
    })
}

#[cfg(all(test, not(madsim)))]
mod tests;
