//! The state machine's task: committed entries in, answers out. Everything that waits is applied together.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{Config, Environment, Observer, event_loop::Report, reply::ReplySender, wire::kv as wire};
use crate::{
    kv::{Applier as Transaction, Header},
    raft::{Entry, Index, NodeId, Payload, Term},
    rpc::pb::{etcdserverpb, v1::refusal::Reason},
    storage::{Disk, StateStore, StorageError},
};

/// After so much the state is made durable: a restart replays no more than this.
const ENTRIES_PER_SYNC: usize = 50_000;
const BYTES_PER_SYNC: usize = 64 << 20;
/// Replicas apply the same entries at the same time. They take turns, so that not all stall at once.
const TURNS: usize = 5;

/// Work for the applier, in the order in which the event loop found it.
#[derive(Default)]
pub(super) struct Work {
    /// Who waits for entries that are not yet committed.
    pub(super) waiters: Vec<Waiter>,
    /// Entries to apply.
    pub(super) entries: Vec<Entry>,
    /// Reads to serve once the index is applied.
    pub(super) reads: Vec<(Index, Vec<Read>)>,
    /// This node's term, for the headers of replies.
    pub(super) term: Term,
}

/// A proxy waits for the outcome of the entry at `index`, if it bears `term`.
pub(super) struct Waiter {
    pub(super) index: Index,
    pub(super) term: Term,
    pub(super) request: u64,
    pub(super) replies: ReplySender,
}

/// A read of a proxy.
pub(super) struct Read {
    pub(super) request: u64,
    pub(super) range: etcdserverpb::RangeRequest,
    pub(super) replies: ReplySender,
}

/// Where the event loop leaves work. Unbounded for the same reason as the log writer's queue.
pub(super) type Applier = mpsc::UnboundedSender<Work>;

pub(super) fn start(
    config: &Config,
    state: StateStore,
    environment: &Environment,
    reports: mpsc::UnboundedSender<Report>,
) -> (Applier, JoinHandle<()>) {
    let (sender, queue) = mpsc::unbounded_channel();
    let turn = config.id as usize % TURNS;
    let machine = Machine {
        node: config.id,
        cluster: config.cluster_number(),
        state,
        observer: environment.observer.clone(),
        waiting: BTreeMap::new(),
        reads: VecDeque::new(),
        unsynced_entries: ENTRIES_PER_SYNC / TURNS * turn,
        unsynced_bytes: BYTES_PER_SYNC / TURNS * turn,
        term: 0,
    };
    let applying = tokio::spawn(apply(machine, queue, environment.disk.clone(), reports));
    (sender, applying)
}

/// Carries out what comes until nobody is left to send, and leaves a durable state.
async fn apply(
    mut machine: Machine,
    mut queue: mpsc::UnboundedReceiver<Work>,
    disk: Arc<dyn Disk>,
    reports: mpsc::UnboundedSender<Report>,
) {
    let mut batch = Vec::new();
    loop {
        let is_last = queue.recv_many(&mut batch, usize::MAX).await == 0;
        let (done_tx, done_rx) = oneshot::channel();
        let works = std::mem::take(&mut batch);
        let job = move || {
            let result = if is_last {
                machine.state.sync().map(|()| None)
            } else {
                machine.carry_out(works).map(Some)
            };
            let _ = done_tx.send((machine, result));
        };
        disk.run(Box::new(job)).await;
        let (returned, result) = done_rx.await.expect("the disk runs every job to its end");
        machine = returned;
        let report = match result {
            Ok(None) => return,
            Ok(Some(header)) => Report::Applied(header),
            Err(error) => Report::Failed(error.into()),
        };
        let failed = matches!(report, Report::Failed(_));
        let _ = reports.send(report);
        if failed {
            return;
        }
    }
}

/// The state machine and all who wait for it.
struct Machine {
    node: NodeId,
    cluster: u64,
    state: StateStore,
    observer: Arc<dyn Observer>,
    waiting: BTreeMap<Index, Waiter>,
    /// Reads whose index is not applied yet, in no particular order.
    reads: VecDeque<(Index, Vec<Read>)>,
    /// What was applied since the state was durable, ahead by the node's turn.
    unsynced_entries: usize,
    unsynced_bytes: usize,
    term: Term,
}

impl Machine {
    fn carry_out(&mut self, works: Vec<Work>) -> Result<Header, StorageError> {
        let mut entries = Vec::new();
        for work in works {
            self.term = work.term;
            work.waiters.into_iter().for_each(|waiter| self.wait(waiter));
            entries.extend(work.entries);
            self.reads.extend(work.reads);
        }
        let header = match entries.is_empty() {
            true => Header::load(&self.state.tables()?)?,
            false => self.apply(&entries)?,
        };
        self.serve_reads(header.applied_index)?;
        Ok(header)
    }

    /// A later leadership of this node may reuse an index: the earlier proposal is then known to be lost.
    fn wait(&mut self, waiter: Waiter) {
        if let Some(lost) = self.waiting.insert(waiter.index, waiter) {
            lost.replies.refuse(lost.request, Reason::Dropped, "another entry took its place");
        }
    }

    /// Applies entries. Their answers need not wait for the state to be durable: the log is.
    fn apply(&mut self, entries: &[Entry]) -> Result<Header, StorageError> {
        let mut answers = Vec::new();
        let mut tables = self.state.tables()?;
        let mut transaction = Transaction::begin(&mut tables)?;
        for entry in entries {
            let position = (entry.term, entry.index);
            if let Payload::Command(bytes) = &entry.payload {
                let command = wire::decode_command(bytes).map_err(|what| corrupt(entry, what))?;
                answers.push((entry.index, entry.term, transaction.apply(position, &command)?));
            } else {
                transaction.skip(position);
            }
        }
        let header = transaction.finish()?;
        drop(tables);
        self.observer.applied(self.node, entries, &header);
        self.answer(answers);
        self.drop_overwritten(header.applied_index);
        self.sync_if_due(entries)?;
        Ok(header)
    }

    fn sync_if_due(&mut self, applied: &[Entry]) -> Result<(), StorageError> {
        self.unsynced_entries += applied.len();
        self.unsynced_bytes += applied.iter().map(Entry::size_bytes).sum::<usize>();
        if self.unsynced_entries >= ENTRIES_PER_SYNC || self.unsynced_bytes >= BYTES_PER_SYNC {
            self.state.sync()?;
            (self.unsynced_entries, self.unsynced_bytes) = (0, 0);
        }
        Ok(())
    }

    fn answer(&mut self, answers: Vec<(Index, Term, crate::kv::Reply)>) {
        for (index, term, reply) in answers {
            let Some(waiter) = self.waiting.remove(&index) else { continue };
            match waiter.term == term {
                true => waiter.replies.send(waiter.request, wire::reply_to_pb(reply, self.response_header())),
                false => waiter.replies.refuse(
                    waiter.request,
                    Reason::Dropped,
                    "another leader's entry took its place",
                ),
            }
        }
    }

    /// Whoever still waits for an index that is applied waited for an entry that was overwritten.
    fn drop_overwritten(&mut self, applied: Index) {
        let still_waiting = self.waiting.split_off(&(applied + 1));
        for (_, lost) in std::mem::replace(&mut self.waiting, still_waiting) {
            lost.replies.refuse(lost.request, Reason::Dropped, "another leader's entry took its place");
        }
    }

    fn serve_reads(&mut self, applied: Index) -> Result<(), StorageError> {
        if self.reads.iter().all(|(index, _)| *index > applied) {
            return Ok(());
        }
        let view = self.state.tables()?;
        let waiting = std::mem::take(&mut self.reads);
        for (index, reads) in waiting {
            if index > applied {
                self.reads.push_back((index, reads));
                continue;
            }
            for read in reads {
                let outcome = wire::range(&view, &read.range, self.response_header())?;
                read.replies.send(read.request, outcome);
            }
        }
        Ok(())
    }

    fn response_header(&self) -> etcdserverpb::ResponseHeader {
        etcdserverpb::ResponseHeader {
            cluster_id: self.cluster,
            member_id: self.node,
            raft_term: self.term,
            ..Default::default()
        }
    }
}

/// What was committed is not what was proposed.
fn corrupt(entry: &Entry, what: &'static str) -> StorageError {
    StorageError::Corrupt { file: "the log", what: format!("entry {}: {what}", entry.index) }
}
