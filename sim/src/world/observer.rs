//! Every step of every node, shown to the oracle; and how the calls of every proxy stand.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use conclave::{
    env::{Observer, Routing},
    raft::{Effects, Entry, Index, NodeId, Persist, Raft, Snapshot, StreamId},
};
use conclave_checks::{Oracle, Overhearer};

use super::{clock::now_ns, moments::Moments};
use crate::trace::Recorder;

/// What nodes are handed as their observer.
pub(super) struct OracleObserver {
    oracle: Oracle,
    moments: Moments,
    /// Ticks since anything reached it.
    silent_ticks: AtomicU32,
    /// Takes notes beside the trace. `None`: nobody will read them.
    notes: Option<Recorder>,
}

impl OracleObserver {
    pub(super) fn new(oracle: &Oracle, moments: &Moments, recorder: &Recorder) -> Self {
        let notes = recorder.takes_notes().then(|| recorder.clone());
        Self { oracle: oracle.clone(), moments: moments.clone(), silent_ticks: AtomicU32::new(0), notes }
    }

    fn note(&self, note: impl FnOnce(&Recorder)) {
        let Some(notes) = &self.notes else { return };
        note(notes);
        if self.oracle.failure().is_some() {
            notes.broke();
        }
    }
}

impl Observer for OracleObserver {
    fn started(&self, core: &Raft, applied: Index, state_hash: u64) {
        self.oracle.started(core, Some((applied, state_hash)));
        self.note(|_| ());
    }

    fn stepped(&self, core: &Raft, effects: &Effects) {
        self.oracle.stepped(core, effects);
        self.note(|notes| notes.stepped(core, effects));
    }

    fn read_asked(&self, node: NodeId, read: u64) {
        self.oracle.read_asked(node, read);
    }

    fn ticked(&self, core: &Raft, election_ticks_max: u32) {
        let silent_ticks = self.silent_ticks.fetch_add(1, Ordering::Relaxed) + 1;
        self.oracle.ticked(core, silent_ticks, election_ticks_max);
        self.note(|_| ());
    }

    fn heard(&self, _: NodeId) {
        self.silent_ticks.store(0, Ordering::Relaxed);
    }

    fn stream_ended(&self, node: NodeId, stream: StreamId, is_believed: bool) {
        self.oracle.stream_ended(node, stream, is_believed);
        self.note(|_| ());
    }

    fn persisted(&self, node: NodeId, write: &Persist) {
        self.oracle.persisted(node, write);
        self.moments.persisted(node, write);
        self.note(|notes| notes.left(&write.promises));
    }

    fn applied(&self, node: NodeId, entries: &[Entry], state_hash: u64) {
        self.oracle.applied(node, entries, state_hash);
        self.note(|_| ());
    }

    fn installed(&self, node: NodeId, snapshot: &Snapshot, state_hash: u64) {
        self.oracle.installed(node, snapshot, state_hash);
        self.note(|_| ());
    }
}

/// What a node of another cluster is handed.
pub(super) struct ForeignObserver(pub(super) Overhearer);

impl Observer for ForeignObserver {
    fn stepped(&self, _: &Raft, effects: &Effects) {
        self.0.stepped(effects);
    }

    fn persisted(&self, _: NodeId, write: &Persist) {
        self.0.persisted(write);
    }
}

/// What a proxy is handed as its observer.
pub(super) struct ProxyObserver {
    pub(super) number: u64,
    pub(super) routings: Routings,
}

/// How the calls of each proxy that runs stand, and since when that is so, in the time of the run.
#[derive(Clone, Default)]
pub(super) struct Routings(Arc<Mutex<BTreeMap<u64, (Duration, Routing)>>>);

impl Routings {
    pub(super) fn forget(&self, proxy: u64) {
        self.all().remove(&proxy);
    }

    pub(super) fn of(&self, proxy: u64) -> Option<(Duration, Routing)> {
        self.all().get(&proxy).cloned()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, (Duration, Routing)>> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl Observer for ProxyObserver {
    fn routed(&self, routing: &dyn Fn() -> Routing) {
        let now = Duration::from_nanos(now_ns());
        self.routings.all().insert(self.number, (now, routing()));
    }
}
