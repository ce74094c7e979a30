//! The state machine's task: it takes jobs from a queue and carries them out in order, many at a time.
//!
//! | file | idea |
//! | --- | --- |
//! | `job.rs` | what there is to do |
//! | `machine.rs` | the state machine, and how each job is done |
//! | `waiters.rs` | who waits for entries to be applied |
//! | `pending_reads.rs` | reads that wait for an index to be applied |
//! | `sync_schedule.rs` | when the state is made durable |

mod job;
mod machine;
mod pending_reads;
mod sync_schedule;
mod waiters;

use std::sync::Arc;

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

pub(super) use job::{Job, Read, Stage, Waiter};
use machine::Machine;

use super::{config::Config, event::Report};
use crate::{
    env::Environment,
    raft::Index,
    storage::{Disk, StateStore},
};

/// Where the event loop leaves jobs. Unbounded because every job follows from an event that was admitted: the bounds are
/// the event queue, the proposals and the reads that a node admits.
pub(super) type Applier = mpsc::UnboundedSender<Job>;

/// Starts the task for a state that is durable up to an index.
pub(super) fn start(
    config: &Config,
    state: StateStore,
    durable: Index,
    environment: &Environment,
    disk: Arc<dyn Disk>,
    reports: mpsc::UnboundedSender<Report>,
) -> (Applier, JoinHandle<()>) {
    let (sender, queue) = mpsc::unbounded_channel();
    let machine = Machine::new(config, state, durable, environment.observer.clone());
    let applying = tokio::spawn(apply(machine, queue, disk, reports));
    (sender, applying)
}

/// Carries out what comes until nobody is left to send, and leaves a durable state. The machine travels to the disk's
/// thread and back.
async fn apply(
    mut machine: Machine,
    mut queue: mpsc::UnboundedReceiver<Job>,
    disk: Arc<dyn Disk>,
    reports: mpsc::UnboundedSender<Report>,
) {
    let mut batch = Vec::new();
    loop {
        let is_last = queue.recv_many(&mut batch, usize::MAX).await == 0;
        let (done_tx, done_rx) = oneshot::channel();
        let jobs = std::mem::take(&mut batch);
        let work = move || {
            let result =
                if is_last { machine.close().map(|()| None) } else { machine.carry_out(jobs).map(Some) };
            let _ = done_tx.send((machine, result));
        };
        disk.run(Box::new(work)).await;
        let (returned, result) = done_rx.await.expect("the disk runs every job to its end");
        machine = returned;
        let report = match result {
            Ok(None) => return,
            Ok(Some(applied)) => Report::Applied(applied),
            Err(error) => Report::Failed(error.into()),
        };
        let failed = matches!(report, Report::Failed(_));
        let _ = reports.send(report);
        if failed {
            return;
        }
    }
}
