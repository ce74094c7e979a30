//! The machines that are not there: namespaces, disks, packet filters. Everything is undone when it is dropped.
//!
//! | file | idea |
//! | --- | --- |
//! | `requirements.rs` | what this machine must have |
//! | `network.rs` | one network namespace a machine, on one bridge; what it drops |
//! | `disk.rs` | one small disk a node; the library that lets syncs fail and clocks be wrong |
//! | `delay.rs` | frames that cross later |
//! | `command.rs` | programs of this machine, run to their end |

pub(crate) mod command;
mod delay;
mod disk;
mod network;
mod requirements;

pub(crate) use delay::{Latency, compile_delay};
pub(crate) use disk::{Control, Disk, Told, compile_shim, mount_memory};
pub(crate) use network::{Network, drop_from, drop_some};
pub(crate) use requirements::missing;

/// Removes what runs that were killed left behind.
///
/// # Errors
/// It stays.
pub(crate) fn remove_stale() -> anyhow::Result<()> {
    disk::remove_stale();
    network::remove_stale()
}
