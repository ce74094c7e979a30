//! The seam under storage: real files in production, the simulated disk in tests.

use std::{future::Future, io, pin::Pin};

use redb::StorageBackend;

/// Work that blocks on the disk.
pub type Job = Box<dyn FnOnce() + Send>;

/// One node's disk: a flat directory of files. Power loss and corruption happen below this trait, so they hit the
/// very engine that production runs.
pub trait Disk: Send + Sync + 'static {
    /// Opens a file, creating it empty when absent, for this process alone.
    ///
    /// # Errors
    /// Another process has it open, or the disk failed.
    fn open(&self, file: &str) -> io::Result<Box<dyn StorageBackend>>;

    /// Runs blocking work away from the tasks that must stay responsive, and completes when it is done. In
    /// simulation this is where the disk takes its time.
    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}
