//! The log's disk: everything that waits shares one durable write, and promises leave only after it.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{links::Links, metrics::SyncMetrics, report::Report};
use crate::{
    env::{Alarm, Buggify, Environment, Knob, buggify, buggify_pause, knob_ms},
    raft::{NodeId, Persist},
    storage::{self, Disk, LogStore, StorageError},
};

/// Where the event loop leaves its writes. Unbounded because every write answers an event that was admitted: the
/// bounds are the event queue, the proposals admitted, and the windows of the leader.
pub(super) type Writer = mpsc::UnboundedSender<Persist>;

/// A log to which nothing was written for so long is idle.
const IDLE_AFTER: Duration = Duration::from_millis(50);

/// An earlier life of this node may have promised more than this one does, just before it ended: until that is over in any case, it stays
/// noted.
#[derive(Clone, Copy, Debug)]
pub(super) struct OldPromise {
    span: Duration,
    /// What this life promises, in microseconds.
    own_us: u64,
}

impl OldPromise {
    /// Both in microseconds.
    pub(super) fn new(inherited_us: u64, own_us: u64) -> Self {
        let span = Duration::from_micros(inherited_us);
        let ms = span.as_millis();
        tracing::info!(
            "for {ms} ms this node neither votes nor stands for election: so long it may have promised to, for reads by lease, when it was last up"
        );
        Self { span, own_us }
    }
}

/// What is next for the disk.
enum Turn {
    Write,
    /// See [`LogStore::sync_number`].
    Settle,
    /// The old promise is over.
    Promise,
}

pub(super) fn start(
    node: NodeId,
    (log, mut old_promise): (LogStore, Option<OldPromise>),
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
        let idle_after = knob_ms(Knob::LogIdleMs, IDLE_AFTER);
        let mut idle = Alarm::after(&clock, idle_after);
        let mut is_over = Alarm::after(&clock, old_promise.map_or(Duration::ZERO, |promise| promise.span));
        // The number of its last commit may not be on the disk.
        let mut is_settled = false;
        let metrics = SyncMetrics::default();
        loop {
            let writes_max = if buggify(Buggify::ShortLogBatch) { 1 } else { usize::MAX };
            let turn = tokio::select! { biased;
                count = writes.recv_many(&mut batch, writes_max) => if count == 0 { return } else { Turn::Write },
                () = is_over.ring(), if old_promise.is_some() => Turn::Promise,
                () = idle.ring(), if !is_settled => Turn::Settle,
            };
            let began = clock.now();
            is_settled = matches!(turn, Turn::Settle);
            let (returned, result, written) = match turn {
                Turn::Write => {
                    let batch = std::mem::take(&mut batch);
                    on_disk(log, batch, |log, batch| log.write_all(batch), &*disk).await
                }
                Turn::Settle => on_disk(log, Vec::new(), |log, _| log.sync_number(), &*disk).await,
                Turn::Promise => {
                    let own_us = old_promise.take().map_or(0, |promise| promise.own_us);
                    on_disk(log, Vec::new(), move |log, _| log.note_promise(own_us), &*disk).await
                }
            };
            let now = clock.now();
            idle.set(now + idle_after);
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

/// One job for the disk: a whole batch is one durable write. What the core did not ask for has an empty batch.
async fn on_disk(
    mut log: LogStore,
    batch: Vec<Persist>,
    act: impl FnOnce(&mut LogStore, &[Persist]) -> Result<(), StorageError> + Send + 'static,
    disk: &dyn Disk,
) -> Done {
    let work = move || {
        let result = act(&mut log, &batch);
        (log, result, batch)
    };
    storage::run_on(disk, work).await
}
