//! The log's disk: everything that waits shares one durable write, and promises leave only after it.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{links::Links, metrics::SyncMetrics, report::Report};
use crate::{
    env::{Alarm, Buggify, Environment, buggify, buggify_pause},
    raft::{NodeId, Persist},
    storage::{self, Disk, LogStore, StorageError},
};

/// Where the event loop leaves its writes. Unbounded because every write answers an event that was admitted: the
/// bounds are the event queue, the proposals admitted, and the windows of the leader.
pub(super) type Writer = mpsc::UnboundedSender<Persist>;

/// A log to which nothing was written for so long is idle.
const IDLE_AFTER: Duration = Duration::from_millis(50);

pub(super) fn start(
    node: NodeId,
    log: LogStore,
    environment: &Environment,
    disk: Arc<dyn Disk>,
    links: Links,
    reports: mpsc::UnboundedSender<Report>,
) -> Writer {
    let (writer, mut writes) = mpsc::unbounded_channel();
    let (observer, clock) = (environment.observer.clone(), environment.clock.clone());
    tokio::spawn(async move {
        let mut log = log;
        let mut batch = Vec::new();
        let mut idle = Alarm::after(&clock, IDLE_AFTER);
        // The number of its last commit may not be on the disk.
        let mut is_settled = false;
        let metrics = SyncMetrics::default();
        loop {
            let writes_max = if buggify(Buggify::ShortLogBatch) { 1 } else { usize::MAX };
            let count = tokio::select! { biased;
                count = writes.recv_many(&mut batch, writes_max) => Some(count),
                () = idle.ring(), if !is_settled => None,
            };
            let began = clock.now();
            let (returned, result, written) = match count {
                Some(0) => return,
                Some(_) => write(log, std::mem::take(&mut batch), &*disk).await,
                None => settle(log, &*disk).await,
            };
            is_settled = count.is_none();
            let now = clock.now();
            idle.set(now + IDLE_AFTER);
            if let Err(error) = result {
                let _ = reports.send(Report::Failed(error.into()));
                return;
            }
            log = returned;
            let Some(last) = written.last() else { continue };
            metrics.seconds.record(now.since(began));
            metrics.entries.increment(written.iter().map(|persist| persist.entries.len() as u64).sum());
            let ticket = last.ticket;
            buggify_pause(Buggify::LatePromise, &clock).await;
            for persist in written {
                observer.persisted(node, &persist);
                links.send(persist.promises);
            }
            if reports.send(Report::Persisted(ticket)).is_err() {
                return;
            }
        }
    });
    writer
}

/// A log that was to the disk's thread and is back, how that went, and what was written.
type Done = (LogStore, Result<(), StorageError>, Vec<Persist>);

/// One durable write of a whole batch.
async fn write(mut log: LogStore, batch: Vec<Persist>, disk: &dyn Disk) -> Done {
    let work = move || {
        let result = log.write_all(&batch);
        (log, result, batch)
    };
    storage::run_on(disk, work).await
}

/// See [`LogStore::sync_number`].
async fn settle(log: LogStore, disk: &dyn Disk) -> Done {
    let work = move || {
        let result = log.sync_number();
        (log, result, Vec::new())
    };
    storage::run_on(disk, work).await
}
