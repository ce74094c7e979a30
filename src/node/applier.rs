//! The state machine's task: committed entries in, answers out. Everything that waits is applied together.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{Config, Retention, event_loop::Report, reply::ReplySender};
use crate::{
    env::{Environment, Observer},
    kv::{Applier as Transaction, Header},
    raft::{Entry, Index, NodeId, Payload, Position, Snapshot, Term},
    storage::{self, Disk, Place, Record, StateStore, StateView, StorageError},
    wire::{
        kv as wire,
        pb::{etcdserverpb, v1::refusal::Reason},
    },
};

/// Replicas apply the same entries at the same time. They take turns, so that not all stall at once.
const TURNS: usize = 5;

/// Work for the applier, in the order in which it is done.
#[derive(Default)]
pub(super) struct Work {
    /// Who waits for entries that are not yet committed.
    pub(super) waiters: Vec<Waiter>,
    /// Entries to apply.
    pub(super) entries: Vec<Entry>,
    /// A piece of a snapshot that is being received.
    pub(super) stage: Option<Stage>,
    /// The snapshot to put in the state's place.
    pub(super) install: Option<Snapshot>,
    /// Who wants to send the state to another node.
    pub(super) views: Vec<oneshot::Sender<StateView>>,
    /// Reads to serve once the index is applied.
    pub(super) reads: Vec<(Index, Vec<Read>)>,
    /// This node's term, for the headers of replies.
    pub(super) term: Term,
}

impl Work {
    pub(super) fn is_empty(&self) -> bool {
        let Self { waiters, entries, stage, install, views, reads, term: _ } = self;
        waiters.is_empty()
            && entries.is_empty()
            && stage.is_none()
            && install.is_none()
            && views.is_empty()
            && reads.is_empty()
    }
}

/// A piece of the snapshot that stands for the log up to `last`.
pub(super) struct Stage {
    pub(super) last: Position,
    /// Records, and what they follow. `None`: the sender asks where to go on.
    pub(super) records: Option<(Place, Vec<Record>)>,
    /// Where to go on; `None`: another snapshot is being received.
    pub(super) answer: oneshot::Sender<Option<Place>>,
}

/// What became of the work of one round.
pub(super) struct Done {
    /// Where the state machine stands.
    pub(super) header: Header,
    /// Up to here durably.
    pub(super) durable: Index,
    /// Whether the snapshot to install was installed, if there was one.
    pub(super) installed: Option<bool>,
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
    durable: Index,
    environment: &Environment,
    disk: Arc<dyn Disk>,
    reports: mpsc::UnboundedSender<Report>,
) -> (Applier, JoinHandle<()>) {
    let (sender, queue) = mpsc::unbounded_channel();
    let turn = config.id as usize % TURNS;
    let retention = config.retention;
    let machine = Machine {
        node: config.id,
        cluster: config.cluster_number(),
        state,
        observer: environment.observer.clone(),
        waiting: BTreeMap::new(),
        reads: VecDeque::new(),
        retention,
        unsynced_entries: retention.sync_entries / TURNS * turn,
        unsynced_bytes: retention.sync_bytes / TURNS * turn,
        durable,
        term: 0,
    };
    let applying = tokio::spawn(apply(machine, queue, disk, reports));
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
            Ok(Some(done)) => Report::Applied(done),
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
    /// The state is durable up to here.
    durable: Index,
    retention: Retention,
    term: Term,
}

impl Machine {
    /// The core hands out no entries while it waits for a snapshot to be installed: so all entries go first.
    fn carry_out(&mut self, works: Vec<Work>) -> Result<Done, StorageError> {
        let mut entries = Vec::new();
        let (mut stages, mut views, mut install) = (Vec::new(), Vec::new(), None);
        for work in works {
            self.term = work.term;
            work.waiters.into_iter().for_each(|waiter| self.wait(waiter));
            entries.extend(work.entries);
            stages.extend(work.stage);
            install = install.or(work.install);
            views.extend(work.views);
            self.reads.extend(work.reads);
        }
        if !entries.is_empty() {
            self.apply(&entries)?;
        }
        stages.into_iter().try_for_each(|stage| self.stage(stage))?;
        let installed = install.map(|snapshot| self.install(&snapshot)).transpose()?;
        views.into_iter().try_for_each(|view| self.show(view))?;
        let header = Header::load(&self.state.tables()?)?;
        self.serve_reads(header.applied_index)?;
        Ok(Done { header, durable: self.durable, installed })
    }

    /// A later leadership of this node may reuse an index: the earlier proposal is then known to be lost.
    fn wait(&mut self, waiter: Waiter) {
        if let Some(lost) = self.waiting.insert(waiter.index, waiter) {
            lost.replies.refuse(lost.request, Reason::Dropped, "another entry took its place");
        }
    }

    /// Applies entries. Their answers need not wait for the state to be durable: the log is.
    fn apply(&mut self, entries: &[Entry]) -> Result<(), StorageError> {
        let mut answers = Vec::new();
        let mut tables = self.state.tables()?;
        let mut transaction = Transaction::begin(&mut tables)?;
        for entry in entries {
            let position = (entry.term, entry.index);
            match &entry.payload {
                Payload::Command(bytes) => {
                    let command = wire::decode_command(bytes).map_err(|what| corrupt(entry, what))?;
                    answers.push((entry.index, entry.term, transaction.apply(position, &command)?));
                }
                Payload::Configuration(configuration) => {
                    transaction.set_members(position, &storage::encode_members(configuration))?;
                }
                Payload::Noop => transaction.skip(position),
            }
        }
        let header = transaction.finish()?;
        drop(tables);
        self.observer.applied(self.node, entries, header.state_hash());
        self.answer(answers);
        self.drop_overtaken(header.applied_index, Reason::Dropped, "another leader's entry took its place");
        self.unsynced_entries += entries.len();
        self.unsynced_bytes += entries.iter().map(Entry::size_bytes).sum::<usize>();
        let Retention { sync_entries, sync_bytes, .. } = self.retention;
        if self.unsynced_entries >= sync_entries || self.unsynced_bytes >= sync_bytes {
            self.state.sync()?;
            self.synced(header.applied_index);
        }
        Ok(())
    }

    fn synced(&mut self, durable: Index) {
        (self.unsynced_entries, self.unsynced_bytes) = (0, 0);
        self.durable = durable;
    }

    fn stage(&mut self, Stage { last, records, answer }: Stage) -> Result<(), StorageError> {
        let place = match records {
            None => Some(self.state.begin_stage(last)?),
            Some((after, records)) => {
                let staged = self.state.stage(last, &after, &records)?;
                let end = records.into_iter().next_back().map(|record| (record.table, record.key));
                staged.then(|| end.or(after))
            }
        };
        let _ = answer.send(place);
        Ok(())
    }

    /// False: it is not there any more.
    fn install(&mut self, snapshot: &Snapshot) -> Result<bool, StorageError> {
        let Some(header) = self.state.install(snapshot)? else { return Ok(false) };
        self.synced(header.applied_index);
        self.observer.installed(self.node, snapshot, header.state_hash());
        self.drop_overtaken(
            header.applied_index,
            Reason::Forgotten,
            "a snapshot took the place of the log: what became of the entry is in its state",
        );
        Ok(true)
    }

    fn show(&mut self, wanted: oneshot::Sender<StateView>) -> Result<(), StorageError> {
        let view = self.state.view()?;
        self.synced(view.snapshot.last.index);
        let _ = wanted.send(view);
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

    /// Whoever still waits for an index that the state has passed waits in vain.
    fn drop_overtaken(&mut self, applied: Index, reason: Reason, why: &str) {
        let still_waiting = self.waiting.split_off(&(applied + 1));
        for (_, lost) in std::mem::replace(&mut self.waiting, still_waiting) {
            lost.replies.refuse(lost.request, reason, why);
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
