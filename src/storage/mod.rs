//! Durable storage: the log and the state machine, each a redb file, through one [`Disk`] seam.
//!
//! - [`open`] opens both, and refuses what is damaged, incomplete, older than the other, or somebody else's.
//! - [`LogStore`] keeps vote and log: what waits is one commit and one fsync.
//! - [`StateStore`] keeps the state machine: it is made durable now and then, because the log can be replayed.
//! - [`StateView`] is the state as it stood at one moment, to be sent to another node.
//!
//! Under each file lie, from the top: the engine (redb), which commits atomically; checksums of all blocks
//! (`block_sums.rs`), so that no damage is served; the first block (`volume.rs`), which says whose file it is and which
//! commit was acknowledged; the [`Disk`].
//!
//! | | log | state |
//! | --- | --- | --- |
//! | commits | one fsync; never falls back behind what was acknowledged | two phases; free pages recorded |
//! | is verified | wholly when it is opened, each block read later | each block when it is read |
//!
//! - [`Scrub`] reads everything that the state's file holds.
//! - [`FileDisk`] is the production disk; the simulation has one of its own.

mod block_sums;
mod codec;
mod database;
mod disk;
mod durable;
mod error;
#[cfg(not(madsim))]
mod file_disk;
mod layer;
mod log_store;
mod open;
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

pub use codec::encode_members;
pub use disk::{Disk, Job, run_on};
pub use error::StorageError;
#[cfg(not(madsim))]
pub use file_disk::FileDisk;
pub use log_store::{LogStore, Recovered};
pub use open::{Founding, Opened, open};
pub use scrub::Scrub;
pub use snapshot::{Place, Record, Staging, StateView};
pub use state_store::{Flusher, StateStore};
pub use tables::{Reader, Slice, Tables};
pub use volume::Identity;

/// The file of the log and the vote.
pub const LOG_FILE: &str = "log.redb";
/// The file of the state machine.
pub const STATE_FILE: &str = "state.redb";
