//! Opens a redb database on a [`Disk`], and turns its many errors into ours.

use std::{
    ops::Bound,
    panic::{self, AssertUnwindSafe},
};

use redb::{BackendError, Database, DatabaseError, StorageBackend};

use super::{Disk, StorageError};

/// Opens (or creates) the database in a file of the disk.
pub(super) fn open(
    disk: &dyn Disk,
    file: &'static str,
    cache_bytes: usize,
) -> Result<Database, StorageError> {
    let failed = |reason: String| StorageError::Open { file, reason };
    let backend = disk.open(file).map_err(|error| failed(error.to_string()))?;
    redb::Builder::new().set_cache_size(cache_bytes).create_with_backend(Backend(backend)).map_err(|error| {
        match error {
            DatabaseError::Storage(redb::StorageError::Corrupted(what)) => {
                StorageError::Corrupt { file, what }
            }
            other => failed(other.to_string()),
        }
    })
}

/// Lets `work` open what is in a file. Where redb finds damage that it did not expect it panics; here that is an
/// error like any other damage.
pub(super) fn opening<T>(
    file: &'static str,
    work: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panicked| {
        let text = panicked.downcast_ref::<String>().map(String::as_str);
        let what = text.or_else(|| panicked.downcast_ref::<&str>().copied()).unwrap_or("it cannot be read");
        Err(StorageError::Corrupt { file, what: what.to_owned() })
    })
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
