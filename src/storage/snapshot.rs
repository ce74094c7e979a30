//! The state on its way to another node: read from a view that stands still, record by record, and staged at the
//! receiver in tables beside the state's own, whose place they take in one transaction.

use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use redb::WriteTransaction;

use super::{
    StorageError,
    codec::applied_position,
    durable::{Durable, definition, failed, get_frozen, staged_definition},
    layer::Layer,
    state_file::{StateFile, members_of},
    tables::Reader,
};
use crate::{
    env::{Buggify, buggify, sometimes},
    kv::{self, Digest, Header, KeyRange, Read, Table, Visit},
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
    /// The oldest first.
    layers: Vec<Arc<Layer>>,
    durable: Arc<Durable>,
    header: Header,
    /// What it stands for.
    pub snapshot: Snapshot,
}

impl StateView {
    fn new(file: &StateFile) -> Result<Self, StorageError> {
        let (layers, durable) = file.frozen()?;
        let mut view =
            StateView { layers, durable, header: Header::default(), snapshot: Snapshot::default() };
        view.header = Header::load(&view)?;
        let last = applied_position(&view.header);
        let configuration = members_of(&view)?.unwrap_or_default().into();
        view.snapshot = Snapshot { last, configuration };
        Ok(view)
    }

    /// Where the state stands.
    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// The records that follow a place: about as many as weigh `bytes_max`, none at the end. What is compacted does not travel; where it
    /// has to be passed over it counts as well, but for what lies before the first record: an answer of none says that there is no more.
    ///
    /// # Errors
    /// The disk failed.
    pub fn records_after(&self, place: &Place, bytes_max: usize) -> Result<Vec<Record>, StorageError> {
        let mut records = Vec::new();
        let mut bytes = 0;
        let first_kept = self.header.first_kept();
        for table in Table::ALL {
            let Some(start) = start(table, place, &first_kept) else { continue };
            self.scan(table, (start, Bound::Unbounded), &mut |key, value| {
                if bytes >= bytes_max && !records.is_empty() {
                    return ControlFlow::Break(());
                }
                bytes += key.len() + value.len();
                if !self.header.is_compacted(table, key) {
                    records.push(Record { table, key: key.to_vec(), value: value.to_vec() });
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(records)
    }

    fn newest_first(&self) -> Vec<&Layer> {
        self.layers.iter().rev().map(|layer| &**layer).collect()
    }
}

/// From where on a table is read behind a place; `None`: all of it has been. The compacted beginning of the history may be long, and is
/// left out.
fn start<'a>(table: Table, place: &'a Place, first_kept: &'a [u8]) -> Option<Bound<&'a [u8]>> {
    match place {
        Some((reached, _)) if table < *reached => None,
        Some((reached, key)) if table == *reached => Some(Bound::Excluded(key)),
        _ if table == Table::History => Some(Bound::Included(first_kept)),
        _ => Some(Bound::Unbounded),
    }
}

impl Read for StateView {
    type Error = StorageError;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        get_frozen(&self.layers, &self.durable, table, key)
    }

    fn scan(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        self.durable.scan_under(&self.newest_first(), table, range, false, visit)
    }

    fn scan_back(&self, table: Table, range: KeyRange<'_>, visit: Visit<'_>) -> Result<(), StorageError> {
        self.durable.scan_under(&self.newest_first(), table, range, true, visit)
    }
}

impl Reader {
    /// Shows the state as it stands, whether it is durable or not. What is changed from now on takes room of its own for as
    /// long as the view lives.
    ///
    /// # Errors
    /// The disk failed, or the state is corrupt.
    pub fn view(&self) -> Result<StateView, StorageError> {
        StateView::new(&self.0)
    }
}

/// A snapshot of another node on its way into the place of the state.
pub struct Staging {
    file: Arc<StateFile>,
    staged: Option<Staged>,
}

/// What has arrived of a snapshot.
struct Staged {
    last: Position,
    place: Place,
    content: Digest,
}

impl Staging {
    pub(super) fn new(file: Arc<StateFile>) -> Self {
        Self { file, staged: None }
    }

    /// Prepares to receive the snapshot that stands for the log up to `last`. Returns where it goes on: what has arrived
    /// of the very same one is kept, what has of another is dropped.
    ///
    /// # Errors
    /// The disk failed.
    pub fn begin(&mut self, last: Position) -> Result<Place, StorageError> {
        if let Some(staged) = self.staged.as_ref().filter(|staged| staged.last == last) {
            sometimes!(staged.place.is_some(), SnapshotGoesOn);
            return Ok(staged.place.clone());
        }
        let transaction = self.file.begin_volatile()?;
        empty_stage(&transaction)?;
        transaction.commit().map_err(failed)?;
        self.staged = Some(Staged { last, place: None, content: Digest::default() });
        Ok(None)
    }

    /// Takes records that follow what has arrived. False: another snapshot is being received, or some are missing.
    ///
    /// # Errors
    /// The disk failed.
    pub fn take(&mut self, last: Position, after: &Place, records: &[Record]) -> Result<bool, StorageError> {
        let Some(mut staged) = self.staged.take() else { return Ok(false) };
        let follows = staged.last == last && staged.place == *after;
        sometimes!(!follows, PieceOutOfPlace);
        if follows {
            let transaction = self.file.begin_volatile()?;
            for Record { table, key, value } in records {
                let mut stored = transaction.open_table(staged_definition(*table)).map_err(failed)?;
                stored.insert(key.as_slice(), value.as_slice()).map_err(failed)?;
                if *table != Table::Header {
                    staged.content = staged.content.plus(Digest::of(*table, key, value));
                }
            }
            transaction.commit().map_err(failed)?;
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
        if buggify(Buggify::LostStage) {
            self.staged = None;
        }
        let Some(staged) = self.staged.take_if(|staged| staged.last == snapshot.last) else {
            sometimes!(SnapshotNotStaged);
            return Ok(Err(InstallFailure::NotStaged));
        };
        let header = match Header::load(&self.file.staged()?) {
            Ok(header) => header,
            // It came like this: this node's own disk is sound, and it goes on.
            Err(kv::Error::Corrupt { .. }) => return Ok(Err(InstallFailure::Damaged)),
            Err(kv::Error::Store(error)) => return Err(error),
        };
        let last = applied_position(&header);
        if last != snapshot.last || header.content != staged.content {
            return Ok(Err(InstallFailure::Damaged));
        }
        let transaction = self.file.begin()?;
        for table in Table::ALL {
            transaction.delete_table(definition(table)).map_err(failed)?;
            transaction.rename_table(staged_definition(table), definition(table)).map_err(failed)?;
        }
        self.file.replace(transaction)?;
        Ok(Ok(header))
    }
}

fn empty_stage(transaction: &WriteTransaction) -> Result<(), StorageError> {
    for table in Table::ALL {
        transaction.delete_table(staged_definition(table)).map_err(failed)?;
        transaction.open_table(staged_definition(table)).map_err(failed)?;
    }
    Ok(())
}

#[cfg(all(test, not(madsim)))]
mod tests;
