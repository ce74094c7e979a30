//! The production disk: a directory of real files, held by one process.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
};

use redb::{StorageBackend, backends::FileBackend};

use super::{Disk, Job, StorageError};

/// A directory, for this process alone as long as the value lives.
#[derive(Debug)]
pub struct FileDisk {
    directory: PathBuf,
    /// Locked; the operating system lets go of it when the process ends, however it ends.
    _lock: File,
}

impl FileDisk {
    /// Takes a directory, creating it when absent.
    ///
    /// # Errors
    /// Another process has it, or the operating system refuses.
    pub fn open(directory: &Path) -> Result<Self, StorageError> {
        let shown = directory.display().to_string();
        let unusable = |reason| StorageError::Directory { directory: shown.clone(), reason };
        fs::create_dir_all(directory).map_err(unusable)?;
        // A crash right after the first start must not lose the directory's own entry.
        if let Some(parent) = directory.canonicalize().map_err(unusable)?.parent() {
            File::open(parent).and_then(|parent| parent.sync_all()).map_err(unusable)?;
        }
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(directory.join("LOCK"));
        let lock = lock.map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { directory: directory.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StorageError::Locked { directory: shown }),
            Err(TryLockError::Error(reason)) => Err(unusable(reason)),
        }
    }
}

impl Disk for FileDisk {
    fn open(&self, file: &str) -> io::Result<Box<dyn StorageBackend>> {
        let path = self.directory.join(file);
        let handle = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        File::open(&self.directory)?.sync_all()?;
        Ok(Box::new(FileBackend::new(handle).map_err(io::Error::other)?))
    }

    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            tokio::task::spawn_blocking(job).await.expect("a disk job returns its errors and does not panic");
        })
    }
}
