//! What the tests of this room share.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::{
    Disk, FileDisk, Founding, Identity, LOG_FILE, MemoryDisk, Opened, StorageError, open, volume::BLOCK_BYTES,
};
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

/// Makes of a log in which nothing counts yet one that the release before began: it has no journal.
pub(super) fn take_journal_away(disk: &MemoryDisk) {
    let sum_at = BLOCK_BYTES - 1024 - 4;
    disk.change(LOG_FILE, |bytes| {
        bytes.truncate(BLOCK_BYTES);
        bytes[8..16].copy_from_slice(&4_u64.to_le_bytes());
        let sum = crc32fast::hash(&bytes[..sum_at]);
        bytes[sum_at..sum_at + 4].copy_from_slice(&sum.to_le_bytes());
        bytes[sum_at + 4..].fill(0);
    });
}
