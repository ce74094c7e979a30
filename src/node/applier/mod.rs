//! The state machine's task: it takes jobs from a queue and carries them out in order, many at a time.
//!
//! | file | idea |
//! | --- | --- |
//! | `job.rs` | what there is to do |
//! | `machine.rs` | the state machine, and how each job is done |
//! | `replay.rs` | entries into the state |
//! | `waiters.rs` | who waits for entries to be applied |
//! | `flush_schedule.rs` | when the state is made durable |

mod flush_schedule;
mod job;
mod machine;
mod replay;
mod waiters;

use std::sync::Arc;

use tokio::{sync::mpsc, task::JoinHandle};

use job::JobQueue;
pub(super) use job::{Job, Waiter};
use machine::Machine;
pub use replay::replay;

use super::{
    config::Config,
    metrics,
    report::{Applied, Report},
};
use crate::{
    env::{Buggify, Clock, Environment, Moment, buggify_pause, sometimes},
    raft::{ClusterId, Index},
    storage::{self, Disk, Flusher, StateStore, StorageError},
};

/// Where the event loop leaves jobs. Unbounded because every job follows from an event that was admitted: the bounds are
/// the event queue, and the proposals that a node admits.
pub(super) type Applier = mpsc::UnboundedSender<Job>;

/// Starts the task for a state of this cluster (0: it is not known yet) that is durable up to an index.
pub(super) fn start(
    config: &Config,
    state: StateStore,
    (cluster, durable): (ClusterId, Index),
    environment: &Environment,
    disk: Arc<dyn Disk>,
    reports: mpsc::UnboundedSender<Report>,
) -> (Applier, JoinHandle<()>) {
    let (sender, queue) = mpsc::unbounded_channel();
    let machine = Machine::new(config, state, cluster, durable, environment.observer.clone());
    let queue = JobQueue::new(queue);
    let applying = tokio::spawn(apply(machine, queue, environment.clock.clone(), disk, reports));
    (sender, applying)
}

/// Carries out what comes until nobody is left to send, and leaves a durable state. Flushes run beside; while the disk
/// lags behind, jobs are carried out at its pace. When there is nothing to do, what is compacted is removed.
async fn apply(
    mut machine: Machine,
    mut queue: JobQueue,
    clock: Clock,
    disk: Arc<dyn Disk>,
    reports: mpsc::UnboundedSender<Report>,
) {
    let mut flush: Option<Flush> = None;
    let flush_seconds = metrics::flush_seconds();
    let mut flush_began = clock.now();
    let mut resumes_at = clock.now();
    loop {
        if flush.is_none() && machine.is_flush_due() {
            flush_began = clock.now();
            let (returned, flusher) = begin_flush(machine, flush_began, &*disk).await;
            machine = returned;
            flush = Some(tokio::spawn(run(flusher, disk.clone())));
        }
        let pause = resumes_at.since(clock.now());
        let may_apply = pause.is_zero() && !machine.is_full();
        sometimes!(machine.is_full(), ApplyWaitsForFlush);
        let result = tokio::select! { biased;
            flushed = ended(&mut flush) => {
                flush = None;
                resumes_at = clock.now();
                flush_seconds.record(resumes_at.since(flush_began));
                flushed.map(|(durable, frozen_layers)| {
                    machine.flushed(durable, frozen_layers, clock.now());
                    Report::Durable(durable)
                })
            }
            () = clock.sleep(pause), if !pause.is_zero() => continue,
            jobs = queue.batch(), if may_apply => {
                let Some(jobs) = jobs else { break };
                buggify_pause(Buggify::LateApply, &clock).await;
                let (returned, result) = carry_out(machine, jobs, &*disk).await;
                machine = returned;
                resumes_at = clock.now() + machine.pause();
                result.map(Report::Applied)
            }
            () = std::future::ready(()), if may_apply && machine.may_prune() => {
                let (returned, result) = carry_out(machine, Vec::new(), &*disk).await;
                machine = returned;
                result.map(Report::Applied)
            }
        };
        let report = result.unwrap_or_else(|error| Report::Failed(error.into()));
        let failed = matches!(report, Report::Failed(_));
        let _ = reports.send(report);
        if failed {
            return;
        }
    }
    if flush.is_some() {
        let _ = ended(&mut flush).await;
    }
    let (_, flusher) = begin_flush(machine, clock.now(), &*disk).await;
    if let Err(error) = run(flusher, disk).await {
        let _ = reports.send(Report::Failed(error.into()));
    }
}

/// The machine travels to the disk's thread and back.
async fn carry_out(
    mut machine: Machine,
    jobs: Vec<Job>,
    disk: &dyn Disk,
) -> (Machine, Result<Applied, StorageError>) {
    let work = move || {
        let result = machine.carry_out(jobs);
        (machine, result)
    };
    storage::run_on(disk, work).await
}

/// It travels here too: what changes the state waits for reads that are under way, and the event loop must not stand still meanwhile,
/// which may share this thread.
async fn begin_flush(mut machine: Machine, now: Moment, disk: &dyn Disk) -> (Machine, Flusher) {
    let work = move || {
        let flusher = machine.begin_flush(now);
        (machine, flusher)
    };
    storage::run_on(disk, work).await
}

/// Up to where a flush has made the state durable, and how many layers of changes it has left.
type Flushed = Result<(Index, usize), StorageError>;

/// A flush under way.
type Flush = JoinHandle<Flushed>;

async fn run(flusher: Flusher, disk: Arc<dyn Disk>) -> Flushed {
    storage::run_on(&*disk, move || flusher.flush().map(|durable| (durable, flusher.frozen_layers()))).await
}

/// Completes when the flush under way has ended; never if none is.
async fn ended(flush: &mut Option<Flush>) -> Flushed {
    match flush {
        Some(flush) => flush.await.expect("a flush returns its errors and does not panic"),
        None => std::future::pending().await,
    }
}
