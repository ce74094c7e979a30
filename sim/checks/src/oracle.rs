//! Watches all nodes of a run at once, and their disks across crashes: what it is told passes the rules, and then becomes
//! part of the facts.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
};

use conclave::raft::{
    Configuration, Effects, Entry, Index, Message, NodeId, Persist, Raft, SendSnapshot, Snapshot, StreamId,
};

#[cfg(test)]
use crate::Rule;
use crate::{
    disk::Disk,
    event::CoreEvent,
    facts::Facts,
    failure::Failure,
    invariants::{self as rules, Checked},
    observation::{Apply, Install, Start, Step, StreamEnd, Tick, View, Write},
    probe::{Probe, Reached},
    probes,
    specification::{Specification, Started, Stepped},
};

/// Where the events of the cores go.
type Sink = Box<dyn FnMut(CoreEvent) + Send>;

/// Watches every node of a run. Cheap to clone; all clones are one. By default its events go nowhere.
#[derive(Clone, Default)]
pub struct Oracle(Arc<Mutex<Inner>>);

/// What an oracle counts.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Leaders elected.
    pub elections: u64,
    /// Snapshots installed.
    pub snapshots: u64,
    /// The rare states that were reached.
    pub reached: BTreeSet<Probe>,
}

pub(crate) struct Inner {
    pub(crate) facts: Facts,
    /// `None`: what happens is not held against it.
    specification: Option<Specification>,
    failure: Option<Failure>,
    /// Every rule that broke. A run needs the first failure only; what a rule is tried with must break no other one.
    #[cfg(test)]
    pub(crate) broken: BTreeSet<Rule>,
    reached: Reached,
    sink: Option<Sink>,
}

/// What it is told.
impl Oracle {
    /// An oracle that hands each event of a core to `sink`, at the moment at which it is told of it. The sink must not
    /// call the oracle. Who reads by lease was told that clocks may be wrong by so many percent (by default none is).
    pub fn new(drift_percent: u32, sink: impl FnMut(CoreEvent) + Send + 'static) -> Self {
        let mut inner = Inner { sink: Some(Box::new(sink)), ..Inner::default() };
        inner.specification.iter_mut().for_each(|specification| specification.state_drift(drift_percent));
        Self(Arc::new(Mutex::new(inner)))
    }

    /// An oracle that goes by the invariants alone.
    #[cfg(test)]
    pub(crate) fn without_specification() -> Self {
        Self(Arc::new(Mutex::new(Inner { specification: None, ..Inner::default() })))
    }

    /// A process of a node begins. Until it has come up it neither leads nor follows, whatever the one before did.
    pub fn begins(&self, node: NodeId) {
        self.inner().facts.note_beginning(node);
    }

    /// A node came up and recovered this from its disk; its state, if it has one, stands at an index and has a hash.
    pub fn started(&self, core: &Raft, state: Option<(Index, u64)>) {
        let Some(mut inner) = self.inner_of(core.id()) else { return };
        inner.tell(|| CoreEvent::started(core));
        let found = Disk::of(core);
        let writes = inner.facts.meet(core.id()).writes_that_lead_to(&found);
        let start = Start { core, found, state, writes };
        inner.look(rules::OF_STARTS, probes::OF_STARTS, core.id(), &start);
        inner.facts.note_start(&start);
        inner.specify(|specification| specification.start(Started::of(core)));
    }

    /// A core took its inputs; these effects are about to be carried out.
    pub fn stepped(&self, core: &Raft, effects: &Effects) {
        match self.inner_of(core.id()) {
            Some(mut inner) => inner.step(core, effects, View::of(core)),
            None => self.inner().overhear(&effects.messages, &effects.snapshots),
        }
    }

    /// A log's disk holds this write from now on; its promises leave next.
    pub fn persisted(&self, node: NodeId, write: &Persist) {
        let Some(mut inner) = self.inner_of(node) else { return self.inner().overhear(&write.promises, &[]) };
        inner.tell(|| CoreEvent::persisted(node, write));
        inner.facts.meet(node);
        inner.look(rules::OF_WRITES, probes::OF_WRITES, node, &Write { node, write });
        inner.facts.note_write(&Write { node, write });
        inner.specify(|specification| specification.write(node, write));
    }

    /// A state machine applied these entries, together, and has this hash.
    pub fn applied(&self, node: NodeId, entries: &[Entry], state_hash: u64) {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return };
        let Some(mut inner) = self.inner_of(node) else { return };
        inner.tell(|| CoreEvent::Applied { node, first: first.index, last: last.index, state_hash });
        inner.facts.meet(node);
        let apply = Apply { node, entries, state_hash };
        inner.look(rules::OF_APPLIES, probes::OF_APPLIES, node, &apply);
        inner.facts.note_apply(&apply);
    }

    /// A snapshot took the place of a state, durably, and the state has this hash.
    pub fn installed(&self, node: NodeId, snapshot: &Snapshot, state_hash: u64) {
        let Some(mut inner) = self.inner_of(node) else { return };
        inner.tell(|| CoreEvent::Installed { node, last: snapshot.last.index, state_hash });
        inner.facts.meet(node);
        let install = Install { node, snapshot, state_hash };
        inner.look(rules::OF_INSTALLS, probes::OF_INSTALLS, node, &install);
        inner.facts.note_install(&install);
    }

    /// A core was asked for a read, and gave it this name.
    pub fn read_asked(&self, node: NodeId, read: u64) {
        if let Some(mut inner) = self.inner_of(node) {
            inner.facts.note_read(node, read);
            if let Some(specification) = &mut inner.specification {
                specification.ask_read(node, read);
            }
        }
    }

    /// Somebody says this in the name of a node, which did not.
    pub fn forged(&self, message: &Message) {
        if let Some(specification) = &mut self.inner().specification {
            specification.send(message);
        }
    }

    /// Time passed at a core by one tick, and for so many nothing has reached it. The longest election timeout is given.
    pub fn ticked(&self, core: &Raft, silent_ticks: u32, election_ticks_max: u32) {
        let tick = Tick { core, silent_ticks, election_ticks_max };
        self.inner().look(rules::OF_TICKS, probes::OF_TICKS, core.id(), &tick);
    }

    /// A core was told how a stream of its own ended, and learned something of the receiver, or nothing.
    pub fn stream_ended(&self, node: NodeId, stream: StreamId, is_believed: bool) {
        self.inner().look(
            rules::OF_STREAM_ENDS,
            probes::OF_STREAM_ENDS,
            node,
            &StreamEnd { stream, is_believed },
        );
    }
}

/// What it knows.
impl Oracle {
    /// The first rule that broke, if one did.
    pub fn failure(&self) -> Option<Failure> {
        self.inner().failure.clone()
    }

    /// The leader of the latest term that has one.
    pub fn leader(&self) -> Option<NodeId> {
        self.inner().facts.leaders.last_key_value().map(|(_, &leader)| leader)
    }

    /// The last committed index so far.
    pub fn committed(&self) -> Index {
        self.inner().facts.committed.last()
    }

    /// The latest committed configuration; an empty one before the first.
    pub fn configuration(&self) -> Arc<Configuration> {
        self.inner().facts.committed.latest_configuration().cloned().unwrap_or_default()
    }

    /// The configuration that a node went by when it last did anything.
    pub fn configuration_of(&self, id: NodeId) -> Arc<Configuration> {
        self.inner().facts.node(id).map(|node| node.configuration.clone()).unwrap_or_default()
    }

    /// How far a node has applied.
    pub fn applied_by(&self, id: NodeId) -> Index {
        self.inner().facts.node(id).map_or(0, |node| node.applied)
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        let inner = self.inner();
        let Facts { elections, snapshots, .. } = inner.facts;
        Counts { elections, snapshots, reached: inner.reached.clone() }
    }

    /// `None`: what the node does counts for nothing.
    fn inner_of(&self, node: NodeId) -> Option<MutexGuard<'_, Inner>> {
        Some(self.inner()).filter(|inner| !inner.facts.has_begun_anew(node))
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("an oracle does not panic")
    }
}

impl Default for Inner {
    fn default() -> Self {
        let specification = Some(Specification::default());
        let (facts, reached) = (Facts::default(), Reached::default());
        Self {
            facts,
            specification,
            failure: None,
            #[cfg(test)]
            broken: BTreeSet::new(),
            reached,
            sink: None,
        }
    }
}

impl Inner {
    /// A rule broke that is about more than one thing that happened.
    pub(crate) fn note(&mut self, failure: Failure) {
        #[cfg(test)]
        self.broken.insert(failure.rule);
        self.failure.get_or_insert(failure);
    }

    /// A step of a core that shows this of itself thereafter.
    pub(crate) fn step(&mut self, core: &Raft, effects: &Effects, after: View) {
        let before = self.facts.meet(core.id()).view;
        let step = Step { core, effects, before, after };
        if step.is_visible() {
            self.tell(|| CoreEvent::stepped(core));
            self.look(rules::OF_VISIBLE_STEPS, probes::OF_VISIBLE_STEPS, core.id(), &step);
        }
        self.look(rules::OF_STEPS, probes::OF_STEPS, core.id(), &step);
        self.facts.note_step(&step);
        self.specify(|specification| specification.step(&Stepped::of(core, effects, after)));
    }

    /// What happened is held against the specification, after the rules.
    fn specify(&mut self, event: impl FnOnce(&mut Specification) -> Checked) {
        if let Some(Err(failure)) = self.specification.as_mut().map(event) {
            self.note(failure);
        }
    }

    /// A node that is not watched says this.
    pub(crate) fn overhear(&mut self, messages: &[Message], streams: &[SendSnapshot]) {
        if let Some(specification) = &mut self.specification {
            specification.overhear(messages, streams);
        }
    }

    fn tell(&mut self, event: impl FnOnce() -> CoreEvent) {
        if let Some(sink) = &mut self.sink {
            sink(event());
        }
    }

    /// What happened passes the rules, and the probes look at it.
    fn look<T>(&mut self, rules: &rules::Rules<T>, probes: &probes::Probes<T>, id: NodeId, observation: &T) {
        let Some(node) = self.facts.node(id) else { return };
        let mut broken = rules::broken(rules, &self.facts, node, observation);
        let first = broken.next();
        #[cfg(test)]
        self.broken
            .extend(first.iter().map(|failure| failure.rule).chain(broken.map(|failure| failure.rule)));
        if let Some(failure) = first {
            self.failure.get_or_insert(failure);
        }
        for probe in probes {
            probe(&self.facts, node, observation, &mut self.reached);
        }
    }
}
