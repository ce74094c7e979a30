//! The state machine, and all who wait for it.

use std::{sync::Arc, time::Duration};

use super::{
    super::{config::Config, event::Stage, report::Applied},
    flush_schedule::FlushSchedule,
    job::Job,
    replay::{apply_entry, session_idle_ms},
    waiters::{Waiters, answer},
};
use crate::{
    env::{Buggify, Knob, Moment, Observer, buggify, buggify_stall, knob, sometimes},
    kv::{Applier as Transaction, Header, Pruner, Rejection, Reply},
    raft::{ClusterId, Entry, Index, InstallFailure, NodeId, Snapshot, Term},
    storage::{Flusher, Place, StateStore, StorageError, Unflushed},
    wire::pb::{etcdserverpb, v1::refusal::Reason},
};

/// Every view of the state may leave a layer behind, through which all reads look: a flush puts so many away.
const FROZEN_LAYERS_MAX: usize = 16;

/// Bytes of replies after which a transaction ends: a small write may be answered by a large value, a thousand of them by gigabytes.
const REPLIES_BYTES_MAX: usize = 16 << 20;

pub(super) struct Machine {
    node: NodeId,
    cluster: ClusterId,
    state: StateStore,
    /// As it was when the disk's thread last looked.
    unflushed: Unflushed,
    observer: Arc<dyn Observer>,
    waiters: Waiters,
    schedule: FlushSchedule,
    pruner: Pruner,
    pruned_events: usize,
    compacted_revision: i64,
    /// There may be compacted records to remove.
    may_prune: bool,
}

impl Machine {
    /// The state is of this cluster, if it is known yet, and durable up to `durable`.
    pub(super) fn new(
        config: &Config,
        state: StateStore,
        cluster: ClusterId,
        durable: Index,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            node: config.id,
            cluster,
            unflushed: state.unflushed(),
            state,
            observer,
            waiters: Waiters::default(),
            schedule: FlushSchedule::new(config.retention, config.id, durable),
            pruner: Pruner::default(),
            pruned_events: config.retention.pruned_events,
            compacted_revision: 0,
            may_prune: true,
        }
    }

    /// Carries jobs out in their order. Entries that follow each other are applied together: to note meanwhile who waits
    /// for what changes nothing.
    pub(super) fn carry_out(&mut self, jobs: Vec<Job>) -> Result<Applied, StorageError> {
        let mut entries = Vec::new();
        let mut installed = None;
        for job in jobs {
            match job {
                Job::Await(waiters) => waiters.into_iter().for_each(|waiter| self.waiters.add(waiter)),
                Job::Apply(more) => entries.extend(more),
                Job::Stage(piece) => self.stage(piece)?,
                Job::Install(snapshot) => {
                    self.apply(std::mem::take(&mut entries))?;
                    installed = Some(self.install(&snapshot)?);
                }
                Job::Show(wanted) => {
                    self.apply(std::mem::take(&mut entries))?;
                    let _ = wanted.send(self.state.reader().view()?);
                }
            }
        }
        let pruned_max = self.pruned_events.max(2 * entries.len());
        self.apply(entries)?;
        let header = Header::load(&self.state.reader().slice())?;
        self.prune(&header, pruned_max)?;
        self.unflushed = self.state.unflushed();
        Ok(Applied { header, durable: self.schedule.durable(), installed })
    }

    /// There may be compacted records to remove: to carry out no job at all does some of that.
    pub(super) fn may_prune(&self) -> bool {
        self.may_prune
    }

    /// Removes some of what is compacted.
    fn prune(&mut self, header: &Header, events_max: usize) -> Result<(), StorageError> {
        if header.compacted_revision > self.compacted_revision {
            (self.compacted_revision, self.may_prune) = (header.compacted_revision, true);
        }
        if self.may_prune {
            let mut tables = self.state.tables();
            self.may_prune = self.pruner.step(&mut tables, events_max)?;
            tables.finish()?;
        }
        Ok(())
    }

    /// It is time to make all that was applied durable.
    pub(super) fn is_flush_due(&self) -> bool {
        let Unflushed { bytes, frozen_layers } = self.unflushed;
        let is_due =
            self.schedule.is_due(bytes) || frozen_layers >= knob(Knob::FrozenLayers, FROZEN_LAYERS_MAX);
        let may_be_late = !self.schedule.is_overdue(bytes);
        is_due && !(may_be_late && buggify(Buggify::LateFlush)) || buggify(Buggify::EarlyFlush)
    }

    /// What makes all that was applied durable. It waits for reads that are under way: it belongs on the disk's thread.
    pub(super) fn begin_flush(&mut self, now: Moment) -> Flusher {
        sometimes!(FlushBegins);
        self.schedule.flushing(self.unflushed.bytes, now);
        let flusher = self.state.flusher();
        self.unflushed = self.state.unflushed();
        flusher
    }

    /// Too much was applied that is not durable.
    pub(super) fn is_full(&self) -> bool {
        self.schedule.is_full(self.unflushed.bytes)
    }

    /// See [`FlushSchedule::pause`].
    pub(super) fn pause(&mut self) -> Duration {
        self.schedule.pause(self.unflushed.bytes)
    }

    /// A flush has ended: the state is durable up to an index, and so many layers are left.
    pub(super) fn flushed(&mut self, durable: Index, frozen_layers: usize, now: Moment) {
        self.schedule.flushed(durable, now);
        self.unflushed.frozen_layers = frozen_layers;
    }

    /// Applies entries. Their answers need not wait for the state to be durable: the log is.
    fn apply(&mut self, entries: Vec<Entry>) -> Result<(), StorageError> {
        let mut rest = entries.as_slice();
        while !rest.is_empty() {
            let applied = self.apply_some(rest)?;
            rest = &rest[applied..];
        }
        self.schedule.applied(&entries);
        Ok(())
    }

    /// Applies entries in one transaction: all of them, unless what they answer is too much at a time. Returns how many.
    fn apply_some(&mut self, entries: &[Entry]) -> Result<usize, StorageError> {
        let replies_bytes_max = knob(Knob::RepliesBytes, REPLIES_BYTES_MAX);
        let (mut answers, mut replies_bytes, mut applied) = (Vec::new(), 0, 0);
        let mut tables = self.state.tables();
        let mut transaction = Transaction::begin(&mut tables)?.with_session_idle_ms(session_idle_ms());
        for entry in entries {
            applied += 1;
            if let Some(reply) = apply_entry(&mut transaction, entry)? {
                sometimes!(reply == Reply::Rejected(Rejection::Stale), StaleAttempt);
                sometimes!(reply == Reply::Rejected(Rejection::SessionExpired), SessionExpired);
                replies_bytes += reply.size_bytes();
                if let Some(waiter) = self.waiters.take(entry.index) {
                    answers.push((waiter, entry.term, reply));
                }
            }
            // Which cluster it belongs to is what a node must not forget: it would listen to another one.
            if let Some(configuration) = entry.configuration()
                && self.cluster != configuration.cluster
            {
                self.cluster = configuration.cluster;
                self.schedule.flush_soon();
            }
            if replies_bytes > replies_bytes_max && applied < entries.len() {
                sometimes!(RepliesCut);
                break;
            }
        }
        let header = transaction.finish()?;
        tables.finish()?;
        self.observer.applied(self.node, &entries[..applied], header.state_hash());
        buggify_stall(Buggify::LongApply);
        for (waiter, term, reply) in answers {
            answer(waiter, term, reply, self.reply_header(term));
        }
        let why = "another leader's entry took its place";
        self.waiters.drop_up_to(header.applied_index, Reason::Dropped, why);
        Ok(applied)
    }

    fn stage(&mut self, Stage { last, records, answer }: Stage) -> Result<(), StorageError> {
        let place: Result<Place, String> = match records {
            None => Ok(self.state.staging().begin(last)?),
            Some((after, records)) => {
                let staged = self.state.staging().take(last, &after, &records)?;
                sometimes!(SnapshotPieceTaken);
                let end = records.into_iter().next_back().map(|record| (record.table, record.key));
                match staged {
                    true => Ok(end.or(after)),
                    false => Err("another snapshot is being received, or a piece is missing".to_owned()),
                }
            }
        };
        let _ = answer.send(place);
        Ok(())
    }

    fn install(&mut self, snapshot: &Snapshot) -> Result<Result<(), InstallFailure>, StorageError> {
        sometimes!(SnapshotInstalls);
        let header = match self.state.staging().install(snapshot)? {
            Ok(header) => header,
            Err(why) => return Ok(Err(why)),
        };
        self.cluster = snapshot.configuration.cluster;
        self.schedule.installed(header.applied_index);
        self.observer.installed(self.node, snapshot, header.state_hash());
        let why = "a snapshot took the place of the log: what became of the entry is in its state";
        self.waiters.drop_up_to(header.applied_index, Reason::Forgotten, why);
        Ok(Ok(()))
    }

    fn reply_header(&self, term: Term) -> etcdserverpb::ResponseHeader {
        etcdserverpb::ResponseHeader {
            cluster_id: self.cluster,
            member_id: self.node,
            raft_term: term,
            ..Default::default()
        }
    }
}
