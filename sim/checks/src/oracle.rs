//! Watches all nodes of a run at once, and their disks across crashes: what it is told passes the rules, and then becomes
//! part of the facts.

use std::sync::{Arc, Mutex, MutexGuard};

use conclave::raft::{Configuration, Effects, Entry, Index, NodeId, Persist, Raft, Snapshot, StreamId};

use crate::{
    event::CoreEvent,
    facts::{Disk, Facts, View},
    failure::Failure,
    invariants as rules,
    observation::{Apply, Install, Start, Step, StreamEnd, Tick, Write},
};

/// Where the events of the cores go.
type Sink = Box<dyn FnMut(CoreEvent) + Send>;

/// Watches every node of a run. Cheap to clone; all clones are one. By default its events go nowhere.
#[derive(Clone, Default)]
pub struct Oracle(Arc<Mutex<Watch>>);

#[derive(Default)]
struct Watch {
    facts: Facts,
    failure: Option<Failure>,
    sink: Option<Sink>,
}

/// What it is told.
impl Oracle {
    /// An oracle that hands each event of a core to `sink`, at the moment at which it is told of it. The sink must not
    /// call the oracle.
    pub fn new(sink: impl FnMut(CoreEvent) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Watch { sink: Some(Box::new(sink)), ..Watch::default() })))
    }

    /// A node came up and recovered this from its disk.
    pub fn started(&self, core: &Raft) {
        let Some(mut watch) = self.watch_of(core.id()) else { return };
        watch.tell(|| CoreEvent::started(core));
        let found = Disk::of(core);
        let writes = watch.facts.meet(core.id()).writes_that_lead_to(&found);
        let start = Start { core, found, writes };
        watch.check(rules::OF_STARTS, core.id(), &start);
        watch.facts.note_start(&start);
    }

    /// A node's data directory is gone. Should it begin anew nothing that it does counts, or is watched: whoever relies on it
    /// breaks a rule. See [`Oracle::can_spare`].
    pub fn disk_lost(&self, node: NodeId) {
        self.watch().facts.note_lost_disk(node);
    }

    /// A node's data directory is damaged: the node may stop for good. See [`Oracle::can_spare`].
    pub fn disk_damaged(&self, node: NodeId) {
        self.watch().facts.note_damaged_disk(node);
    }

    /// A core took its inputs; these effects are about to be carried out.
    pub fn stepped(&self, core: &Raft, effects: &Effects) {
        let Some(mut watch) = self.watch_of(core.id()) else { return };
        let before = watch.facts.meet(core.id()).view;
        let step = Step { core, effects, before, after: View::of(core) };
        if step.is_visible() {
            watch.tell(|| CoreEvent::stepped(core));
            watch.check(rules::OF_VISIBLE_STEPS, core.id(), &step);
        }
        watch.check(rules::OF_STEPS, core.id(), &step);
        watch.facts.note_step(&step);
    }

    /// A log's disk holds this write from now on; its promises leave next.
    pub fn persisted(&self, node: NodeId, write: &Persist) {
        let Some(mut watch) = self.watch_of(node) else { return };
        watch.tell(|| CoreEvent::persisted(node, write));
        watch.facts.meet(node);
        let write = Write { node, write };
        watch.check(rules::OF_WRITES, node, &write);
        watch.facts.note_write(&write);
    }

    /// A state machine applied these entries, together, and has this hash.
    pub fn applied(&self, node: NodeId, entries: &[Entry], state_hash: u64) {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return };
        let Some(mut watch) = self.watch_of(node) else { return };
        watch.tell(|| CoreEvent::Applied { node, first: first.index, last: last.index, state_hash });
        watch.facts.meet(node);
        let apply = Apply { node, entries, state_hash };
        watch.check(rules::OF_APPLIES, node, &apply);
        watch.facts.note_apply(&apply);
    }

    /// A snapshot took the place of a state, durably, and the state has this hash.
    pub fn installed(&self, node: NodeId, snapshot: &Snapshot, state_hash: u64) {
        let Some(mut watch) = self.watch_of(node) else { return };
        watch.tell(|| CoreEvent::Installed { node, last: snapshot.last.index, state_hash });
        watch.facts.meet(node);
        let install = Install { node, snapshot, state_hash };
        watch.check(rules::OF_INSTALLS, node, &install);
        watch.facts.note_install(&install);
    }

    /// A core was asked for a read, and gave it this name.
    pub fn read_asked(&self, node: NodeId, read: u64) {
        if let Some(mut watch) = self.watch_of(node) {
            watch.facts.note_read(node, read);
        }
    }

    /// Time passed at a core by one tick, and for so many nothing has reached it. The longest election timeout is given.
    pub fn ticked(&self, core: &Raft, silent_ticks: u32, election_ticks_max: u32) {
        let tick = Tick { core, silent_ticks, election_ticks_max };
        self.watch().check(rules::OF_TICKS, core.id(), &tick);
    }

    /// A core was told how a stream of its own ended, and learned something of the receiver, or nothing.
    pub fn stream_ended(&self, node: NodeId, stream: StreamId, is_believed: bool) {
        self.watch().check(rules::OF_STREAM_ENDS, node, &StreamEnd { stream, is_believed });
    }

    /// Something else broke a rule; only the first failure counts.
    pub fn violate(&self, failure: Failure) {
        self.watch().failure.get_or_insert(failure);
    }
}

/// What it knows.
impl Oracle {
    /// The first rule that broke, if one did.
    pub fn failure(&self) -> Option<Failure> {
        self.watch().failure.clone()
    }

    /// The leader of the latest term that has one.
    pub fn leader(&self) -> Option<NodeId> {
        self.watch().facts.leaders.last_key_value().map(|(_, &leader)| leader)
    }

    /// The last committed index so far.
    pub fn committed(&self) -> Index {
        self.watch().facts.last_committed()
    }

    /// The latest committed configuration; an empty one before the first.
    pub fn configuration(&self) -> Arc<Configuration> {
        self.watch().facts.latest_configuration().cloned().unwrap_or_default()
    }

    /// The configuration that a node went by when it last did anything.
    pub fn configuration_of(&self, id: NodeId) -> Arc<Configuration> {
        self.watch().facts.node(id).map(|node| node.configuration.clone()).unwrap_or_default()
    }

    /// Whether the cluster would refuse a node with another data directory: the one that it has is on record. So are those of all
    /// voters, and each holds the founding entry: all can elect a leader, and none takes part in founding another cluster.
    pub fn is_recorded(&self, node: NodeId) -> bool {
        self.watch().facts.is_recorded(node)
    }

    /// Whether a node may lose its data directory, and nothing that was promised is lost: the directory is on record, and no other
    /// member has lost its own. (Any two majorities of the same voters have a node in common besides any one node.)
    pub fn can_spare(&self, node: NodeId) -> bool {
        self.watch().facts.can_spare(node)
    }

    /// Whether a member has lost its data directory, or stops for good before long.
    pub fn lacks_a_member(&self) -> bool {
        self.watch().facts.lacks_a_member()
    }

    /// How far a node has applied.
    pub fn applied_by(&self, id: NodeId) -> Index {
        self.watch().facts.node(id).map_or(0, |node| node.applied)
    }

    /// Whether a node has reads that are neither answered nor refused.
    pub fn has_open_reads(&self, id: NodeId) -> bool {
        self.watch().facts.node(id).is_some_and(|node| !node.reads.is_empty())
    }

    /// Leaders elected so far.
    pub fn elections(&self) -> u64 {
        self.watch().facts.elections
    }

    /// Snapshots installed so far.
    pub fn snapshots(&self) -> u64 {
        self.watch().facts.snapshots
    }

    /// `None`: what the node does counts for nothing.
    fn watch_of(&self, node: NodeId) -> Option<MutexGuard<'_, Watch>> {
        Some(self.watch()).filter(|watch| !watch.facts.has_begun_anew(node))
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.0.lock().expect("an oracle does not panic")
    }
}

impl Watch {
    fn tell(&mut self, event: impl FnOnce() -> CoreEvent) {
        if let Some(sink) = &mut self.sink {
            sink(event());
        }
    }

    fn check<T>(&mut self, rules: &rules::Rules<T>, id: NodeId, observation: &T) {
        let Some(node) = self.facts.node(id) else { return };
        if let Err(failure) = rules::check(rules, &self.facts, node, observation) {
            self.failure.get_or_insert(failure);
        }
    }
}
