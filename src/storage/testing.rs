//! What the tests of this room share.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::{Disk, FileDisk, Founding, Identity, Opened, StorageError, open};
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
