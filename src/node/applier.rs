//! The state machine's task: committed entries in, answers out. Everything that waits shares one transaction.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use tokio::sync::{mpsc, oneshot};

use super::{Config, Environment, Observer, event_loop::Report, reply::ReplySender, wire::kv as wire};
use crate::{
    kv::{Applier as Transaction, Header},
    raft::{Entry, Index, NodeId, Payload, Term},
    rpc::pb::{etcdserverpb, v1::refusal::Reason},
    storage::{Durability, StateStore, StorageError},
};

/// After this many applied entries the state is made durable, so that a restart replays no more than these.
const ENTRIES_PER_SYNC: u64 = 50_000;

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
    state: Arc<StateStore>,
    environment: &Environment,
    reports: mpsc::UnboundedSender<Report>,
) -> Applier {
    let (sender, mut queue) = mpsc::unbounded_channel();
    let disk = environment.disk.clone();
    let mut machine = Machine {
        node: config.id,
        cluster: config.cluster_number(),
        state,
        observer: environment.observer.clone(),
        waiting: BTreeMap::new(),
        reads: VecDeque::new(),
        synced: 0,
        term: 0,
    };
    tokio::spawn(async move {
        let mut batch = Vec::new();
        while queue.recv_many(&mut batch, usize::MAX).await > 0 {
            let (done_tx, done_rx) = oneshot::channel();
            let works = std::mem::take(&mut batch);
            let job = move || {
                let result = machine.carry_out(works);
                let _ = done_tx.send((machine, result));
            };
            disk.run(Box::new(job)).await;
            let (returned, result) = done_rx.await.expect("the disk runs every job to its end");
            machine = returned;
            let report = match result {
                Ok(header) => Report::Applied(header),
                Err(error) => Report::Failed(error.into()),
            };
            let failed = matches!(report, Report::Failed(_));
            if reports.send(report).is_err() || failed {
                return;
            }
        }
    });
    sender
}

/// The state machine and all who wait for it.
struct Machine {
    node: NodeId,
    cluster: u64,
    state: Arc<StateStore>,
    observer: Arc<dyn Observer>,
    waiting: BTreeMap<Index, Waiter>,
    /// Reads whose index is not applied yet, in no particular order.
    reads: VecDeque<(Index, Vec<Read>)>,
    /// The applied index at the last sync.
    synced: Index,
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
            true => Header::load(&self.state.read()?)?,
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

    /// Applies entries in one transaction; answers leave once it is committed.
    fn apply(&mut self, entries: &[Entry]) -> Result<Header, StorageError> {
        let last = entries.last().expect("there are entries").index;
        let durability = match last - self.synced >= ENTRIES_PER_SYNC {
            true => Durability::Synced,
            false => Durability::Relaxed,
        };
        let mut answers = Vec::new();
        let header = self.state.write(durability, |tables| {
            let mut transaction = Transaction::begin(tables)?;
            for entry in entries {
                let position = (entry.term, entry.index);
                if let Payload::Command(bytes) = &entry.payload {
                    let command = wire::decode_command(bytes).map_err(|what| corrupt(entry, what))?;
                    answers.push((entry.index, entry.term, transaction.apply(position, &command)?));
                } else {
                    transaction.skip(position);
                }
            }
            Ok::<Header, StorageError>(transaction.finish()?)
        })?;
        self.observer.applied(self.node, entries, &header);
        if durability == Durability::Synced {
            self.synced = last;
        }
        self.answer(answers);
        self.drop_overwritten(last);
        Ok(header)
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
        let view = self.state.read()?;
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
