//! Durable storage: the log and the state machine, each a redb file, through one [`Disk`] seam.
//!
//! - [`open`] opens both, and refuses what is damaged, incomplete, older than the other, or somebody else's.
//! - [`LogStore`] keeps vote and log: what waits is one commit and one fsync.
//! - [`StateStore`] keeps the state machine: it is made durable now and then, because the log can be replayed.
//! - [`StateView`] is the state as it stood at one moment, to be sent to another node.
//!
//! Under each file lie, from the top: the engine (redb), which commits atomically; checksums of all blocks
//! (`block_sums.rs`), so that no damage is served; the first block (`volume.rs`), which says whose file it is and which
//! commit was acknowledged; the [`Disk`]. Beside the engine the log's file has a journal (`journal.rs`), where small commits are
//! durable by one write, until the engine takes many of them at once.
//!
//! | | log | state |
//! | --- | --- | --- |
//! | commits | one fsync; never falls back behind what was acknowledged | two phases; free pages recorded |
//! | is verified | wholly when it is opened, each block read later | each block when it is read |
//!
//! - [`BackupWriter`] makes a file of a view, of which [`restore`] makes the data directory of a new cluster.
//! - [`check`] verifies all of a stopped node, without a change if the disk is a [`ReadOnlyDisk`]; [`defrag`] makes its files small.
//! - [`Scrub`] reads everything that the state's file holds.
//! - [`FileDisk`] is the production disk; the simulation has one of its own.

#[cfg(not(madsim))]
mod access;
mod backup;
mod block_sums;
mod check;
mod codec;
mod database;
mod defrag;
mod disk;
mod durable;
mod error;
#[cfg(not(madsim))]
mod file_disk;
mod journal;
mod layer;
mod log_store;
#[cfg(all(not(madsim), any(test, feature = "fuzzing")))]
mod memory_disk;
mod open;
#[cfg(not(madsim))]
mod overlay;
#[cfg(not(madsim))]
mod read_only_disk;
mod scrub;
mod snapshot;
mod state_file;
mod state_store;
mod tables;
#[cfg(all(test, not(madsim)))]
mod testing;
#[cfg(all(test, not(madsim)))]
mod tests;
mod volume;

#[cfg(not(madsim))]
pub use access::{Misplaced, misplaced_data};
pub use backup::{About, BackupError, BackupReader, BackupWriter, Restoration, Summary, restore};
pub use check::{Checkup, check};
pub use codec::{applied_position, encode_members};
pub use defrag::{Defragged, defrag};
pub use disk::{Disk, Job, run_on};
pub use error::StorageError;
#[cfg(not(madsim))]
pub use file_disk::{FileDisk, forget_clean_pages, sync_directory};
pub use log_store::{LogStore, Recovered};
#[cfg(all(not(madsim), any(test, feature = "fuzzing")))]
pub(crate) use memory_disk::MemoryDisk;
pub use open::{Founding, Opened, open};
#[cfg(not(madsim))]
pub use read_only_disk::ReadOnlyDisk;
pub use scrub::Scrub;
pub use snapshot::{Place, Record, Staging, StateView};
pub use state_store::{Flusher, StateStore, Unflushed};
pub use tables::{Reader, Slice, Tables};
pub use volume::Identity;

/// The file of the log and the vote.
pub const LOG_FILE: &str = "log.redb";
/// The file of the state machine.
pub const STATE_FILE: &str = "state.redb";
/// Where a restore makes the log, in the data directory. It is there before anything else is: until the log is in its place the restore has
/// not ended, and no node begins there.
pub const RESTORE_PART: &str = "restore.part";
