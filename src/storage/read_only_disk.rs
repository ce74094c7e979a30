//! A node's directory, to look into: nothing in it is changed.

use std::{
    fs::{File, OpenOptions, TryLockError},
    future::Future,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Mutex,
};

use redb::StorageBackend;

use super::{
    Disk, Job, LOG_FILE, STATE_FILE, StorageError,
    access::{holds_data, misplaced_data, unusable, unusable_file},
    file_disk::forget_clean_pages,
    overlay::Overlay,
};

/// A directory of a node that does not run. What is written to its files is seen by who has them open, and goes nowhere.
#[derive(Debug)]
pub struct ReadOnlyDisk {
    directory: PathBuf,
    /// Locked, so that no node starts meanwhile; absent if none ever ran there.
    _lock: Option<File>,
}

impl ReadOnlyDisk {
    /// Looks into a directory, which no node may take meanwhile. Others may look too.
    ///
    /// # Errors
    /// A node runs there, none keeps its data there, or the operating system refuses.
    pub fn open(directory: &Path) -> Result<Self, StorageError> {
        let shown = directory.display().to_string();
        let of_directory = |reason| unusable(directory, reason);
        if !directory.metadata().map_err(of_directory)?.is_dir() {
            return Err(of_directory(io::ErrorKind::NotADirectory.into()));
        }
        directory.read_dir().map_err(of_directory)?;
        if !holds_data(directory) {
            return Err(StorageError::NoData { directory: shown, elsewhere: elsewhere(directory) });
        }
        let lock = directory.join("LOCK");
        let lock = match File::open(&lock) {
            Ok(lock) => Some(lock),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unusable(&lock, error)),
        };
        // What is not there is damage; what is hidden from this user is not.
        for file in [LOG_FILE, STATE_FILE].map(|file| directory.join(file)) {
            match File::open(&file) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return Err(unusable(&file, error));
                }
                _ => {}
            }
        }
        match lock.as_ref().map_or(Ok(()), File::try_lock_shared) {
            Ok(()) => Ok(Self { directory: directory.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StorageError::Locked { directory: shown }),
            Err(TryLockError::Error(reason)) => Err(of_directory(reason)),
        }
    }
}

/// Where the data may be that is not in a directory.
fn elsewhere(directory: &Path) -> String {
    let found = misplaced_data(directory);
    found.first().map_or(String::new(), |found| format!("; {} has them", found.directory.display()))
}

impl Disk for ReadOnlyDisk {
    fn open(&self, file: &str) -> io::Result<Box<dyn StorageBackend>> {
        let path = self.directory.join(file);
        let file =
            OpenOptions::new().read(true).open(&path).map_err(|reason| unusable_file(&path, reason))?;
        forget_clean_pages(&file)?;
        Ok(Box::new(Overlay::new(Box::new(ReadOnlyFile(Mutex::new(file))))?))
    }

    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        job();
        Box::pin(async {})
    }
}

#[derive(Debug)]
struct ReadOnlyFile(Mutex<File>);

impl StorageBackend for ReadOnlyFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().expect("nobody panics with it").metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut file = self.0.lock().expect("nobody panics with it");
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(out)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}
