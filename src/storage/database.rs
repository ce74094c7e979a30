//! Opens a redb database on a [`Disk`], and turns its many errors into ours.

use std::ops::Bound;

use redb::{BackendError, Database, StorageBackend};

use super::{Disk, StorageError};

/// Opens (or creates) the database in a file of the disk.
pub(super) fn open(
    disk: &dyn Disk,
    file: &'static str,
    cache_bytes: usize,
) -> Result<Database, StorageError> {
    let failed = |reason: String| StorageError::Open { file, reason };
    let backend = disk.open(file).map_err(|error| failed(error.to_string()))?;
    redb::Builder::new()
        .set_cache_size(cache_bytes)
        .create_with_backend(Backend(backend))
        .map_err(|error| failed(error.to_string()))
}

/// Any error of redb means that the disk failed under this file.
pub(super) fn failed(file: &'static str, error: impl Into<redb::Error>) -> StorageError {
    StorageError::Disk { file, reason: error.into().to_string() }
}

/// A boxed backend is a backend.
#[derive(Debug)]
struct Backend(Box<dyn StorageBackend>);

impl StorageBackend for Backend {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> std::io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }
}
