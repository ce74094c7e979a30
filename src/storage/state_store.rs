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

use std::sync::{Arc, atomic::AtomicU64};

use super::{
    STATE_FILE, StorageError, database,
    snapshot::Staging,
    state_file::{StateFile, members_of},
    tables::{Reader, Tables},
    volume::Volume,
};
use crate::{
    kv::Header,
    raft::{Configuration, Index},
};

/// The state of one node's state machine.
pub struct StateStore {
    file: Arc<StateFile>,
    staging: Staging,
}

impl StateStore {
    /// Opens the state, or begins an empty one. It must have seen no later commit of the log than the log was found with: the log has
    /// committed nothing since.
    pub(super) fn open(volume: Volume, log_commits: Arc<AtomicU64>) -> Result<Self, StorageError> {
        database::opening(STATE_FILE, || {
            let file = Arc::new(StateFile::open(volume, log_commits)?);
            Ok(Self { staging: Staging::new(file.clone()), file })
        })
    }

    /// The tables, to read and to change: see [`Tables`].
    pub fn tables(&self) -> Tables<'_> {
        Tables::new(&self.file)
    }

    /// Who belongs to the cluster, by what was applied; `None` before the first change.
    ///
    /// # Errors
    /// The disk failed, or the record is corrupt.
    pub fn configuration(&self) -> Result<Option<Configuration>, StorageError> {
        members_of(&self.reader().slice())
    }

    /// Where a snapshot of another node gathers.
    pub fn staging(&mut self) -> &mut Staging {
        &mut self.staging
    }

    /// What reads the state beside whoever applies.
    pub fn reader(&self) -> Reader {
        Reader(self.file.clone())
    }

    /// What makes every change so far durable, beside whoever applies.
    pub fn flusher(&self) -> Flusher {
        self.file.write().take_all();
        Flusher(self.file.clone())
    }

    /// What is not in the file yet.
    pub fn unflushed(&self) -> Unflushed {
        Unflushed::of(&self.file)
    }

    /// Makes every change so far durable, now. Returns the applied index.
    ///
    /// # Errors
    /// The disk failed.
    pub fn sync(&mut self) -> Result<Index, StorageError> {
        self.flusher().flush()
    }
}

/// What is not in the file yet. To look waits for reads that are under way, as to change anything does: it belongs on the disk's thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unflushed {
    /// What the changes take in memory that are not being flushed.
    pub bytes: usize,
    /// Layers of changes, beside the one that grows.
    pub frozen_layers: usize,
}

impl Unflushed {
    fn of(file: &StateFile) -> Self {
        let memory = file.read();
        Self { bytes: memory.unflushed_bytes(), frozen_layers: memory.frozen.len() }
    }
}

/// Makes changes durable.
pub struct Flusher(Arc<StateFile>);

impl Flusher {
    /// Makes every change durable that was made before this was asked for, while applying goes on. Returns the index that is durable
    /// then. One at a time.
    ///
    /// # Errors
    /// The disk failed.
    pub fn flush(&self) -> Result<Index, StorageError> {
        let durable = self.0.flush()?;
        Ok(Header::load(&*durable)?.applied_index)
    }

    /// Layers of changes that are not in the file yet, beside the one that grows.
    pub fn frozen_layers(&self) -> usize {
        Unflushed::of(&self.0).frozen_layers
    }
}

#[cfg(all(test, not(madsim)))]
mod tests;
