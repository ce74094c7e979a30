//! Durable storage: the log and the state machine, each a redb file, through one [`Disk`] seam.
mod disk;

pub use disk::{Disk, Job};
