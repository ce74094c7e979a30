//! The seam under storage: real files in production, the simulated disk in tests.

use std::{future::Future, io, pin::Pin};

use redb::StorageBackend;
use tokio::sync::oneshot;

/// Work that blocks on the disk.
pub type Job = Box<dyn FnOnce() + Send>;

/// One node's disk: a flat directory of files. Power loss and corruption happen below this trait, so they hit the
/// very engine that production runs.
pub trait Disk: Send + Sync + 'static {
    /// Opens a file, creating it empty when absent, for this process alone. What is read from it is on the disk, or is going to be
    /// with the next sync: what the system has in memory of a sync that failed is forgotten.
    ///
    /// # Errors
    /// Another process has it open, or the disk failed.
    fn open(&self, file: &str) -> io::Result<Box<dyn StorageBackend>>;

    /// What the system has in memory of a file is forgotten, as far as it is on the disk: it is read from there again. A disk of which
    /// nothing is kept in memory has nothing to forget.
    ///
    /// # Errors
    /// The disk failed.
    fn forget(&self, _file: &str) -> io::Result<()> {
        Ok(())
    }

    /// A restore was begun there and has not ended: whoever comes up must not begin an empty node in its place.
    fn is_half_restored(&self) -> bool {
        false
    }

    /// All of a restore is in its place, and a node came up from it: what said that it had not ended is taken away, if it can be.
    fn end_restore(&self) {}

    /// Runs blocking work away from the tasks that must stay responsive, and completes when it is done. In
    /// simulation this is where the disk takes its time.
    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// What blocking work returns that runs away from the tasks that must stay responsive.
///
/// # Panics
/// The work panicked, or the disk did not run it: whoever waits cannot go on without what the work took along.
pub async fn run_on<T: Send + 'static>(disk: &dyn Disk, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done_tx, done_rx) = oneshot::channel();
    let job = move || {
        let _ = done_tx.send(work());
    };
    disk.run(Box::new(job)).await;
    done_rx.await.expect("the disk runs every job to its end")
}
