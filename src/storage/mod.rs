//! Durable storage: the log and the state machine, each a redb file, through one [`Disk`] seam.
//!
//! - [`LogStore`] keeps vote and log: what waits is one commit and one fsync.
//! - [`StateStore`] keeps the state machine: it is made durable now and then, because the log can be replayed.
//! - [`StateView`] is the state as it stood at one moment, to be sent to another node.
//! - [`FileDisk`] is the production disk; the simulation has one of its own.

mod codec;
mod database;
mod disk;
mod error;
#[cfg(not(madsim))]
mod file_disk;
mod log_store;
mod snapshot;
mod state_store;

pub use codec::encode_members;
pub use disk::{Disk, Job};
pub use error::StorageError;
#[cfg(not(madsim))]
pub use file_disk::FileDisk;
pub use log_store::{Identity, LogStore, Recovered};
pub use snapshot::{Place, Record, StateView};
pub use state_store::{StateStore, Tables};

/// The file of the log and the vote.
pub const LOG_FILE: &str = "log.redb";
/// The file of the state machine.
pub const STATE_FILE: &str = "state.redb";
