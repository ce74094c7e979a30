//! Gives the space that a node's files do not use any more back to the file system: of a copy of them, which then takes their place.
//!
//! The engine moves pages to the front in commits of its own, with one fsync each, which the checksums of blocks in the state's file do
//! not allow for: a crash in between would leave a page with the checksum of another. So this is never done to a node's only files.
//! None of the commits changes what is stored: the numbers of our last commits, which both files note of each other, stay as they are.

use std::sync::Arc;

use redb::{CompactionError, Database};

use super::{
    Disk, LOG_FILE, LogStore, STATE_FILE, StorageError, block_sums::Keeping, database, log_store, state_file,
    volume::Volume,
};
use crate::raft::Configuration;

/// Pages kept in memory meanwhile.
const CACHE_BYTES: usize = 64 << 20;

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defragged {
    /// Which.
    pub file: &'static str,
    /// Its bytes before.
    pub before: u64,
    /// Its bytes now.
    pub after: u64,
}

/// Makes both files of a copy of a node's directory as small as they can be. They must be sound.
///
/// # Errors
/// A file is damaged, or the disk failed. The copy is then of no use.
pub fn defrag(disk: &dyn Disk) -> Result<Vec<Defragged>, StorageError> {
    let log = |database: &Database| log_store::last_commit(database);
    let state = |database: &Database| Ok(state_file::read_commits(database)?.0);
    hand_over_journal(disk)?;
    Ok(vec![
        defrag_file(disk, LOG_FILE, Keeping::InMemory, log)?,
        defrag_file(disk, STATE_FILE, Keeping::InFile, state)?,
    ])
}

/// The engine gets what the log's journal holds: only its own file is made small.
pub(super) fn hand_over_journal(disk: &dyn Disk) -> Result<(), StorageError> {
    let volume = Volume::open(disk, LOG_FILE)?;
    match volume.commits {
        0 => Ok(()),
        _ => LogStore::open(volume)?.recover(&Configuration::default()).map(drop),
    }
}

fn defrag_file(
    disk: &dyn Disk,
    file: &'static str,
    keeping: Keeping,
    last_commit: impl Fn(&Database) -> Result<u64, StorageError>,
) -> Result<Defragged, StorageError> {
    let volume = Arc::new(Volume::open(disk, file)?);
    let before = volume.file_bytes()?;
    // Nothing was committed: it is hardly begun, or not a node's.
    if volume.commits > 0 {
        database::opening(file, || {
            let mut database = database::open(&volume, keeping, CACHE_BYTES)?;
            volume.check_commits(last_commit(&database)?)?;
            database.compact().map(drop).map_err(|error| match error {
                CompactionError::Storage(error) => database::failed(file, error),
                other => StorageError::Open { file, reason: other.to_string() },
            })
        })?;
    }
    Ok(Defragged { file, before, after: volume.file_bytes()? })
}

#[cfg(all(test, not(madsim)))]
mod tests;
