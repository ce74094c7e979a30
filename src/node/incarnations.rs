//! Which data directory each other node has: a node that comes back with another one has lost what it promised.
//!
//! A directory bears a number, its incarnation, drawn when it was begun. Once a node and a peer both know that they belong to
//! one cluster, the node remembers the peer's number durably, before it listens to anything more from it. A peer of that id
//! with another number is refused for ever: its vote might contradict the one that it gave before, and its log may lack what
//! it acknowledged. The way out is a new id (`member replace`).

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Mutex, mpsc, oneshot};

use super::log_writer::Write;
use crate::{env::Observer, raft::NodeId};

/// All clones are one.
#[derive(Clone)]
pub(super) struct Incarnations {
    node: NodeId,
    known: Arc<Mutex<BTreeMap<NodeId, u64>>>,
    observer: Arc<dyn Observer>,
    writer: mpsc::UnboundedSender<Write>,
}

/// A node came with another data directory than before.
pub(super) struct Exchanged;

impl Incarnations {
    /// Of a node, with what its log remembers.
    pub(super) fn new(
        node: NodeId,
        known: BTreeMap<NodeId, u64>,
        observer: Arc<dyn Observer>,
        writer: mpsc::UnboundedSender<Write>,
    ) -> Self {
        Self { node, known: Arc::new(Mutex::new(known)), observer, writer }
    }

    /// A peer says which directory it has; whether it surely is a member of this node's cluster decides whether that is
    /// worth remembering.
    ///
    /// # Errors
    /// It is not the one that it had.
    pub(super) async fn meet(
        &self,
        id: NodeId,
        incarnation: u64,
        is_of_cluster: bool,
    ) -> Result<(), Exchanged> {
        let mut known = self.known.lock().await;
        match known.get(&id) {
            Some(met) if *met == incarnation => return Ok(()),
            Some(_) => return Err(Exchanged),
            None if !is_of_cluster => return Ok(()),
            None => {}
        }
        known.insert(id, incarnation);
        let (done_tx, done_rx) = oneshot::channel();
        let _ = self.writer.send(Write::Peers(known.clone(), done_tx));
        // Without an answer the disk has failed, and the node stops.
        if done_rx.await.is_ok() {
            self.observer.met(self.node, id);
        }
        Ok(())
    }
}
