//! The log's disk: everything that waits shares one durable write, and promises leave only after it.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{links::Links, report::Report};
use crate::{
    env::Environment,
    raft::{NodeId, Persist},
    storage::{self, Disk, LogStore, StorageError},
};

/// Where the event loop leaves its writes. Unbounded because every write answers an event that was admitted: the
/// bounds are the event queue, the proposals admitted, and the windows of the leader.
pub(super) type Writer = mpsc::UnboundedSender<Persist>;

pub(super) fn start(
    node: NodeId,
    log: LogStore,
    environment: &Environment,
    disk: Arc<dyn Disk>,
    links: Links,
    reports: mpsc::UnboundedSender<Report>,
) -> Writer {
    let (writer, mut writes) = mpsc::unbounded_channel();
    let observer = environment.observer.clone();
    tokio::spawn(async move {
        let mut log = log;
        let mut batch = Vec::new();
        while writes.recv_many(&mut batch, usize::MAX).await > 0 {
            let (returned, result, written) = write(log, std::mem::take(&mut batch), &*disk).await;
            if let Err(error) = result {
                let _ = reports.send(Report::Failed(error.into()));
                return;
            }
            let ticket = written.last().expect("a batch is not empty").ticket;
            for persist in written {
                observer.persisted(node, &persist);
                links.send(persist.promises);
            }
            if reports.send(Report::Persisted(ticket)).is_err() {
                return;
            }
            log = returned;
        }
    });
    writer
}

/// One durable write of a whole batch. The log travels to the disk's thread and back.
async fn write(
    mut log: LogStore,
    batch: Vec<Persist>,
    disk: &dyn Disk,
) -> (LogStore, Result<(), StorageError>, Vec<Persist>) {
    let work = move || {
        let result = log.write_all(&batch);
        (log, result, batch)
    };
    storage::run_on(disk, work).await
}
