//! The checks of the core at every step of every node, and the one trace of the run.

use std::sync::{Arc, Mutex, MutexGuard};

use conclave::{
    env::Observer,
    raft::{Configuration, Effects, Entry, Index, NodeId, Persist, Raft, Snapshot},
};

use crate::trace::{Trace, What};

/// Watches every node of a run. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Oracle {
    checks: conclave_checks::Oracle,
    run: Arc<Mutex<Run>>,
}

/// Nanoseconds of simulated time since the run began.
pub type Now = fn() -> u64;

struct Run {
    now: Now,
    trace: Trace,
    /// What else went wrong.
    violation: Option<String>,
}

impl Oracle {
    /// An oracle for a run that begins now.
    pub fn new(now: Now, trace: Trace) -> Self {
        let run = Arc::new(Mutex::new(Run { now, trace, violation: None }));
        let noted = run.clone();
        let checks = conclave_checks::Oracle::new(move |event| lock(&noted).note(What::Core(event)));
        Self { checks, run }
    }

    /// Notes an event of the run.
    pub fn note(&self, what: What) {
        lock(&self.run).note(what);
    }

    /// The first invariant that broke, if one did.
    pub fn violation(&self) -> Option<String> {
        let other = lock(&self.run).violation.clone();
        self.checks.failure().map(|failure| failure.to_string()).or(other)
    }

    /// Notes that an invariant broke; only the first counts.
    pub fn violate(&self, what: String) {
        lock(&self.run).violation.get_or_insert(what);
    }

    /// Leaders elected so far.
    pub fn elections(&self) -> u64 {
        self.checks.elections()
    }

    /// Snapshots installed so far.
    pub fn snapshots(&self) -> u64 {
        self.checks.snapshots()
    }

    /// The leader of the latest term that has one.
    pub fn leader(&self) -> Option<NodeId> {
        self.checks.leader()
    }

    /// The last committed index so far.
    pub fn committed(&self) -> Index {
        self.checks.committed()
    }

    /// The latest committed configuration; an empty one before the first.
    pub fn configuration(&self) -> Arc<Configuration> {
        self.checks.configuration()
    }

    /// The configuration that a node went by when it last did anything.
    pub fn configuration_of(&self, id: NodeId) -> Arc<Configuration> {
        self.checks.configuration_of(id)
    }

    /// How far a node has applied.
    pub fn applied(&self, id: NodeId) -> Index {
        self.checks.applied_by(id)
    }

    /// The trace so far.
    pub fn trace(&self) -> Trace {
        lock(&self.run).trace.clone()
    }
}

impl Run {
    fn note(&mut self, what: What) {
        let at_ns = (self.now)();
        self.trace.push(at_ns, what);
    }
}

fn lock(run: &Mutex<Run>) -> MutexGuard<'_, Run> {
    run.lock().expect("a trace does not panic")
}

impl Observer for Oracle {
    fn started(&self, core: &Raft) {
        self.checks.started(core);
    }

    fn stepped(&self, core: &Raft, effects: &Effects) {
        self.checks.stepped(core, effects);
    }

    fn persisted(&self, node: NodeId, write: &Persist) {
        self.checks.persisted(node, write);
    }

    fn applied(&self, node: NodeId, entries: &[Entry], state_hash: u64) {
        self.checks.applied(node, entries, state_hash);
    }

    fn installed(&self, node: NodeId, snapshot: &Snapshot, state_hash: u64) {
        self.checks.installed(node, snapshot, state_hash);
    }
}
