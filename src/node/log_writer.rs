//! The log's disk: everything that waits shares one durable write, and promises leave only after it.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::{event::Report, links::Links};
use crate::{
    env::Environment,
    raft::{NodeId, Persist},
    storage::{Disk, LogStore, StorageError},
};

/// Where writes are left. Unbounded because every write answers an event that was admitted: the bounds are the event
/// queue, the proposals admitted, and the windows of the leader.
pub(super) type Writer = mpsc::UnboundedSender<Write>;

/// What is to be made durable.
pub(super) enum Write {
    /// What the core asks for.
    Core(Persist),
    /// The data directories of all peers met so far. Told when that is durable.
    Peers(BTreeMap<NodeId, u64>, oneshot::Sender<()>),
}

/// Starts the task.
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
        let mut waiting = Vec::new();
        while writes.recv_many(&mut waiting, usize::MAX).await > 0 {
            let batch = Batch::of(std::mem::take(&mut waiting));
            let (returned, result, written) = write(log, batch, &*disk).await;
            if let Err(error) = result {
                let _ = reports.send(Report::Failed(error.into()));
                return;
            }
            if let Some((_, done)) = written.peers {
                done.into_iter().for_each(|done| _ = done.send(()));
            }
            let ticket = written.core.last().map(|persist| persist.ticket);
            for persist in written.core {
                observer.persisted(node, &persist);
                links.send(persist.promises);
            }
            if ticket.is_some_and(|ticket| reports.send(Report::Persisted(ticket)).is_err()) {
                return;
            }
            log = returned;
        }
    });
    writer
}

/// What is written together.
#[derive(Default)]
struct Batch {
    core: Vec<Persist>,
    /// The latest of what is known of the peers, and all who wait for it.
    peers: Option<(BTreeMap<NodeId, u64>, Vec<oneshot::Sender<()>>)>,
}

impl Batch {
    fn of(writes: Vec<Write>) -> Self {
        let mut batch = Self::default();
        for write in writes {
            match write {
                Write::Core(persist) => batch.core.push(persist),
                Write::Peers(peers, done) => {
                    let (_, mut waiting) = batch.peers.take().unwrap_or_default();
                    waiting.push(done);
                    batch.peers = Some((peers, waiting));
                }
            }
        }
        batch
    }

    fn write(&self, log: &mut LogStore) -> Result<(), StorageError> {
        if let Some((peers, _)) = &self.peers {
            log.remember_peers(peers)?;
        }
        log.write_all(&self.core)
    }
}

/// One durable write of a whole batch. The log travels to the disk's thread and back.
async fn write(
    mut log: LogStore,
    batch: Batch,
    disk: &dyn Disk,
) -> (LogStore, Result<(), StorageError>, Batch) {
    let (done_tx, done_rx) = oneshot::channel();
    let job = move || {
        let result = batch.write(&mut log);
        let _ = done_tx.send((log, result, batch));
    };
    disk.run(Box::new(job)).await;
    done_rx.await.expect("the disk runs every job to its end")
}
