//! What the tests of this room share.

use std::{
    collections::BTreeMap,
    fs,
    future::Future,
    io,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
};

use redb::StorageBackend;
use tempfile::TempDir;

use super::{Disk, FileDisk, Founding, Identity, Job, Opened, StorageError, open};
use crate::raft::Configuration;

pub(super) fn scratch() -> TempDir {
    tempfile::tempdir().expect("a scratch directory")
}

pub(super) fn identity(cluster: &str, node: u64) -> Identity {
    Identity { cluster: cluster.to_owned(), node }
}

/// Opens the stores of node 1 of cluster "a".
pub(super) fn opened(directory: &Path) -> Opened {
    open_as(directory, &identity("a", 1)).unwrap_or_else(|error| panic!("the stores are whole: {error}"))
}

/// Each call draws another incarnation.
pub(super) fn open_as(directory: &Path, identity: &Identity) -> Result<Opened, StorageError> {
    open_on(&FileDisk::open(directory)?, identity)
}

pub(super) fn open_on(disk: &dyn Disk, identity: &Identity) -> Result<Opened, StorageError> {
    let identity = identity.clone();
    let bootstrap = Configuration::of([1, 2, 3]);
    open(disk, &Founding { identity, bootstrap, incarnation: rand::random() })
}

/// Copies every file of one directory to another.
pub(super) fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("writable");
    }
}

/// A disk without an fsync to wait for. A clone is a copy.
#[derive(Debug, Default)]
pub(super) struct MemoryDisk {
    files: Mutex<BTreeMap<String, MemoryFile>>,
}

#[derive(Clone, Debug, Default)]
struct MemoryFile(Arc<Mutex<Vec<u8>>>);

impl MemoryDisk {
    pub(super) fn change(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut files = self.files.lock().expect("no test panics here");
        change(&mut files.entry(file.to_owned()).or_default().0.lock().expect("no test panics here"));
    }

    pub(super) fn file_bytes(&self, file: &str) -> usize {
        self.files.lock().expect("no test panics here")[file].0.lock().expect("no test panics here").len()
    }
}

impl Clone for MemoryDisk {
    fn clone(&self) -> Self {
        let files = self.files.lock().expect("no test panics here");
        let copied = files.iter().map(|(name, file)| {
            let bytes = file.0.lock().expect("no test panics here").clone();
            (name.clone(), MemoryFile(Arc::new(Mutex::new(bytes))))
        });
        Self { files: Mutex::new(copied.collect()) }
    }
}

impl Disk for MemoryDisk {
    fn open(&self, file: &str) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(
            self.files.lock().expect("no test panics here").entry(file.to_owned()).or_default().clone(),
        ))
    }

    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async { job() })
    }
}

impl MemoryFile {
    fn at<T>(&self, offset: u64, bytes: usize, act: impl FnOnce(&mut [u8]) -> T) -> io::Result<T> {
        let mut file = self.0.lock().expect("no test panics here");
        let part = file.get_mut(offset as usize..offset as usize + bytes);
        part.map(act).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl StorageBackend for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().expect("no test panics here").len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.at(offset, out.len(), |part| out.copy_from_slice(part))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.lock().expect("no test panics here").resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.at(offset, data.len(), |part| part.copy_from_slice(data))
    }
}
