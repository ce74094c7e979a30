//! Opens a redb database in a [`Volume`], and turns its many errors into ours.

use std::{
    io,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
};

use redb::{Database, DatabaseError, StorageBackend};

use super::{
    StorageError,
    block_sums::{BlockSums, Keeping},
    volume::Volume,
};
use crate::env::{Buggify, buggify, sometimes};

/// Opens (or creates) the engine's database in a file of the disk. With its checksums in memory, the engine reads and
/// verifies all of it now; else what is read is verified then. A file in which no commit was ever noted is begun anew if it
/// cannot be read: the power failed while it was begun, and nobody was promised anything of it.
pub(super) fn open(
    volume: &Arc<Volume>,
    keeping: Keeping,
    cache_bytes: usize,
) -> Result<Database, StorageError> {
    match opening(volume.file, || try_open(volume, keeping, cache_bytes)) {
        Err(StorageError::Corrupt { .. }) if volume.is_unused => {
            sometimes!(BegunAnew);
            volume.empty()?;
            try_open(volume, keeping, cache_bytes)
        }
        opened => opened,
    }
}

fn try_open(volume: &Arc<Volume>, keeping: Keeping, cache_bytes: usize) -> Result<Database, StorageError> {
    let file = volume.file;
    let blocks = BlockSums::open(volume.clone(), keeping).map_err(|error| failed(file, error))?;
    let blocks = Arc::new(blocks);
    let mut builder = redb::Builder::new();
    builder.set_cache_size(if buggify(Buggify::LostPageCache) { 0 } else { cache_bytes });
    match keeping {
        Keeping::InMemory => {
            builder.set_check_integrity_on_open(true);
        }
        Keeping::InFile => {
            builder.set_repair_callback(move |session| {
                tracing::warn!(
                    file,
                    progress = session.progress(),
                    "was not closed cleanly: rebuilds what is free"
                );
            });
        }
    }
    let database = builder.create_with_backend(Backend(blocks.clone())).map_err(|error| match error {
        DatabaseError::Storage(error) => failed(file, error),
        other => StorageError::Open { file, reason: other.to_string() },
    })?;
    blocks.opened();
    Ok(database)
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

/// An error of redb: the file is damaged, or the disk failed under it.
pub(super) fn failed(file: &'static str, error: impl Into<redb::Error>) -> StorageError {
    match error.into() {
        redb::Error::Corrupted(what) => StorageError::Corrupt { file, what },
        redb::Error::Io(error) if is_damage(&error) => {
            StorageError::Corrupt { file, what: error.to_string() }
        }
        other => StorageError::Disk { file, reason: other.to_string() },
    }
}

/// A block is not what was written, or the file ends before it.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// A shared backend is a backend.
#[derive(Debug)]
struct Backend(Arc<BlockSums>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}
