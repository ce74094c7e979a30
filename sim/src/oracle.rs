//! The invariants, checked at every step of every node (DESIGN: "the testbed", section 8 of the blueprint in
//! docs/architecture.md). An oracle sees all nodes at once, and their disks across crashes.

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard},
};

use conclave::{
    env::Observer,
    kv::Header,
    raft::{
        Compacted, Configuration, Effects, Entry, Index, NodeId, Payload, Persist, Position, Raft, RoleName,
        Snapshot, Term, Vote,
    },
};

use crate::trace::{StableHash, Trace, What};

/// Watches every node of a run. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Oracle(Arc<Mutex<World>>);

/// Nanoseconds of simulated time since the run began.
pub type Now = fn() -> u64;

struct World {
    now: Now,
    trace: Trace,
    violation: Option<String>,
    nodes: BTreeMap<NodeId, Node>,
    leaders: BTreeMap<Term, NodeId>,
    /// The votes that disks hold or held: who voted in a term, and for whom.
    ballots: BTreeMap<Term, BTreeMap<NodeId, NodeId>>,
    /// Every entry that any log ever held: what it carries and the term before it (log matching).
    entries: BTreeMap<(Index, Term), (u64, Term)>,
    /// Every committed entry, once and for ever: its term, and what it carries.
    committed: BTreeMap<Index, (Term, u64)>,
    /// The term that a leader was in when it was the first to commit up to an index; both only grow.
    commit_terms: BTreeMap<Index, Term>,
    /// The latest committed configuration, once there is one.
    configuration: Arc<Configuration>,
    /// The state after each applied entry.
    states: BTreeMap<Index, u64>,
    elections: u64,
    snapshots: u64,
}

/// What is known of one node, across its crashes.
#[derive(Default)]
struct Node {
    seen: Option<Seen>,
    /// What its disk has promised to keep.
    kept: Kept,
    /// Writes begun and not promised, oldest first. A crash leaves any number of the oldest on the disk.
    under_way: VecDeque<Persist>,
    /// Snapshots put into the state machine's place in this life, or on their way there. A crash leaves any of them there,
    /// and the log may not have heard of it.
    installing: Vec<Position>,
    applied: Index,
    /// The configuration in force after its last step: by it the next one commits.
    configuration: Arc<Configuration>,
}

/// What a log's disk holds: the vote, and the terms of the entries.
#[derive(Clone, Default, PartialEq, Eq)]
struct Kept {
    vote: Vote,
    /// What came before is compacted, or was never here.
    base: Position,
    log: BTreeMap<Index, Term>,
}

impl Kept {
    fn holds(&self, entry: &Entry) -> bool {
        entry.index <= self.base.index || self.log.get(&entry.index) == Some(&entry.term)
    }

    fn rebase(&mut self, base: Position) {
        let kept = self.log.get(&base.index) == Some(&base.term);
        let after = self.log.split_off(&(base.index + 1));
        self.log = if kept { after } else { BTreeMap::new() };
        self.base = base;
    }

    fn write(&mut self, write: &Persist) {
        if let Some(Compacted { position, .. }) = &write.compacted {
            self.rebase(*position);
        }
        self.vote = write.vote.unwrap_or(self.vote);
        if let Some(first) = write.entries.first() {
            self.log.split_off(&first.index);
            self.log.extend(write.entries.iter().map(|entry| (entry.index, entry.term)));
        }
    }

    /// What a node found on its disk, against this, which was promised.
    fn lost(&self, found: &Self) -> String {
        let lost = self.log.iter().find(|&(index, term)| found.log.get(index) != Some(term));
        match lost {
            Some((index, term)) => format!("promised entry {index} of term {term} and lost it"),
            None if self.vote != found.vote => {
                format!("promised {:?} and remembers {:?}", self.vote, found.vote)
            }
            None => {
                format!("remembers {} entries after {}, never written so", found.log.len(), found.base)
            }
        }
    }
}

/// What a node last showed in this life.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    role: RoleName,
    term: Term,
    last: Position,
    commit: Index,
}

impl Oracle {
    /// An oracle for a run that begins now.
    pub fn new(now: Now, trace: Trace) -> Self {
        Self(Arc::new(Mutex::new(World {
            now,
            trace,
            violation: None,
            nodes: BTreeMap::new(),
            leaders: BTreeMap::new(),
            ballots: BTreeMap::new(),
            entries: BTreeMap::new(),
            committed: BTreeMap::new(),
            commit_terms: BTreeMap::new(),
            configuration: Arc::default(),
            states: BTreeMap::new(),
            elections: 0,
            snapshots: 0,
        })))
    }

    /// Notes an event of the run.
    pub fn note(&self, what: What) {
        self.world().note(what);
    }

    /// The first invariant that broke, if one did.
    pub fn violation(&self) -> Option<String> {
        self.world().violation.clone()
    }

    /// Notes that an invariant broke; only the first counts.
    pub fn violate(&self, what: String) {
        self.world().violate(what);
    }

    /// Leaders elected so far.
    pub fn elections(&self) -> u64 {
        self.world().elections
    }

    /// Snapshots installed so far.
    pub fn snapshots(&self) -> u64 {
        self.world().snapshots
    }

    /// The leader of the latest term that has one.
    pub fn leader(&self) -> Option<NodeId> {
        self.world().leaders.last_key_value().map(|(_, &leader)| leader)
    }

    /// The last committed index so far.
    pub fn committed(&self) -> Index {
        self.world().committed.last_key_value().map_or(0, |(&index, _)| index)
    }

    /// The latest committed configuration; an empty one before the first.
    pub fn configuration(&self) -> Arc<Configuration> {
        self.world().configuration.clone()
    }

    /// The configuration that a node went by when it last did anything.
    pub fn configuration_of(&self, id: NodeId) -> Arc<Configuration> {
        self.world().nodes.get(&id).map(|node| node.configuration.clone()).unwrap_or_default()
    }

    /// How far a node has applied.
    pub fn applied(&self, id: NodeId) -> Index {
        self.world().nodes.get(&id).map_or(0, |node| node.applied)
    }

    /// The trace so far.
    pub fn trace(&self) -> Trace {
        self.world().trace.clone()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("an oracle does not panic")
    }
}

impl Observer for Oracle {
    fn started(&self, core: &Raft) {
        let mut world = self.world();
        let (node, term, last) = (core.id(), core.term(), core.last().index);
        world.note(What::Started { node, term, last });
        world.check_recovery(core);
    }

    fn stepped(&self, core: &Raft, effects: &Effects) {
        let mut world = self.world();
        if let Some(persist) = &effects.persist {
            world.check_log_matching(core, &persist.entries);
            world.nodes.entry(core.id()).or_default().under_way.push_back(persist.clone());
        }
        if let Some(snapshot) = &effects.install {
            world.nodes.entry(core.id()).or_default().installing.push(snapshot.last);
        }
        world.check_step(core);
    }

    fn persisted(&self, node: NodeId, write: &Persist) {
        let mut world = self.world();
        world.nodes.entry(node).or_default().under_way.pop_front();
        world.keep(node, write);
    }

    fn applied(&self, node: NodeId, entries: &[Entry], header: &Header) {
        let mut world = self.world();
        for entry in entries {
            world.check_applied(node, entry);
        }
        world.check_state(node, header);
    }

    fn installed(&self, node: NodeId, snapshot: &Snapshot, header: &Header) {
        let mut world = self.world();
        world.note(What::Installed { node, index: snapshot.last.index });
        world.snapshots += 1;
        world.check_committed(node, snapshot.last);
        world.nodes.entry(node).or_default().applied = snapshot.last.index;
        world.check_state(node, header);
    }
}

impl World {
    fn note(&mut self, what: What) {
        let at_ns = (self.now)();
        self.trace.push(at_ns, what);
    }

    fn violate(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    /// Durability: after a crash a disk holds what it promised to keep, and perhaps writes that were under way.
    fn check_recovery(&mut self, core: &Raft) {
        let id = core.id();
        let recovered =
            (core.compacted().index + 1..=core.last().index).filter_map(|index| core.entry(index));
        let recovered: Vec<Entry> = recovered.cloned().collect();
        self.check_log_matching(core, &recovered);
        let log = recovered.iter().map(|entry| (entry.index, entry.term)).collect();
        let found = Kept { vote: core.vote(), base: core.compacted(), log };
        let node = self.nodes.entry(id).or_default();
        node.seen = None;
        node.applied = core.commit();
        node.configuration = core.configuration().clone();
        let promised = node.kept.clone();
        let mut under_way = std::mem::take(&mut node.under_way);
        let installing = std::mem::take(&mut node.installing);
        while !self.is_lawful(id, &installing, &found)
            && let Some(write) = under_way.pop_front()
        {
            self.keep(id, &write);
        }
        self.check_committed(id, core.compacted());
        if self.kept(id) != &found {
            self.violate(format!("durability: node {id} {}", promised.lost(&found)));
        }
    }

    fn kept(&mut self, id: NodeId) -> &mut Kept {
        &mut self.nodes.entry(id).or_default().kept
    }

    /// Whether a node found what its disk kept; or that, and a snapshot in place that its log had not heard of.
    fn is_lawful(&mut self, id: NodeId, installing: &[Position], found: &Kept) -> bool {
        let kept = self.kept(id);
        if found.base.index > kept.base.index && installing.contains(&found.base) {
            let mut rebased = kept.clone();
            rebased.rebase(found.base);
            if rebased == *found {
                *kept = rebased;
            }
        }
        kept == found
    }

    /// Notes what a disk holds from now on; a vote never changes within a term, across crashes.
    fn keep(&mut self, id: NodeId, write: &Persist) {
        let node = self.nodes.entry(id).or_default();
        let mut broken = None;
        if let Some(vote) = write.vote {
            let before = node.kept.vote;
            if vote.term < before.term {
                broken = Some(format!("terms only grow: node {id} stored {vote:?} after {before:?}"));
            }
            if let Some(candidate) = vote.candidate {
                let first = *self.ballots.entry(vote.term).or_default().entry(id).or_insert(candidate);
                if first != candidate {
                    broken = Some(format!(
                        "one vote a term: node {id} voted for {first} and {candidate} in term {}",
                        vote.term
                    ));
                }
            }
        }
        node.kept.write(write);
        if let Some(what) = broken {
            self.violate(what);
        }
    }

    /// Log matching (section 5.3): entries of one index and term are the same, and so is what precedes them.
    fn check_log_matching(&mut self, core: &Raft, entries: &[Entry]) {
        for entry in entries {
            let before = core.entry(entry.index - 1).map_or(core.compacted().term, |previous| previous.term);
            let content = (payload_hash(&entry.payload), before);
            let known = *self.entries.entry((entry.index, entry.term)).or_insert(content);
            if known != content {
                let position = entry.position();
                return self
                    .violate(format!("log matching: node {} holds another entry at {position}", core.id()));
            }
        }
    }

    fn check_step(&mut self, core: &Raft) {
        let seen = Seen { role: core.role(), term: core.term(), last: core.last(), commit: core.commit() };
        let before = self.nodes.entry(core.id()).or_default().seen.replace(seen);
        if before == Some(seen) {
            return;
        }
        let Seen { role, term, last, commit } = seen;
        self.note(What::Step { node: core.id(), role, term, last: last.index, commit });
        if let Some(before) = before {
            self.check_monotonic(core.id(), before, seen);
            self.check_commit_rule(core, before);
        }
        if role == RoleName::Leader && before.is_none_or(|before| (before.role, before.term) != (role, term))
        {
            self.check_leader(core);
        }
        self.check_commits(core, before.map_or(0, |before| before.commit));
        self.check_committed(core.id(), core.compacted());
        self.nodes.entry(core.id()).or_default().configuration = core.configuration().clone();
    }

    fn check_monotonic(&mut self, id: NodeId, before: Seen, after: Seen) {
        if after.term < before.term {
            self.violate(format!(
                "terms only grow: node {id} went from term {} to {}",
                before.term, after.term
            ));
        }
        if after.commit < before.commit {
            self.violate(format!(
                "commits stay: node {id} went back from {} to {}",
                before.commit, after.commit
            ));
        }
        if after.commit > after.last.index {
            self.violate(format!(
                "node {id} commits {} beyond the end of its log {}",
                after.commit, after.last
            ));
        }
    }

    /// A leader commits by counting only entries of its own term (section 5.4.2, figure 8).
    fn check_commit_rule(&mut self, core: &Raft, before: Seen) {
        let of_own_term = || core.entry(core.commit()).is_some_and(|entry| entry.term == core.term());
        // One that it was sent before it led, and that is in place only now.
        let by_snapshot = core.commit() == core.compacted().index;
        let led_on = core.is_leader() && before.role == RoleName::Leader && before.term == core.term();
        if led_on && core.commit() > before.commit && !by_snapshot && !of_own_term() {
            self.violate(format!(
                "figure 8: node {} commits up to {}, an entry of an earlier term, by counting",
                core.id(),
                core.commit()
            ));
        }
    }

    /// Election safety and leader completeness (section 5.2 and 5.4): a leader has what was committed in the terms
    /// before its own. It may learn of its election late, when a later term has committed more.
    fn check_leader(&mut self, core: &Raft) {
        let (id, term) = (core.id(), core.term());
        self.elections += 1;
        let first = *self.leaders.entry(term).or_insert(id);
        if first != id {
            self.violate(format!("one leader a term: nodes {first} and {id} both lead term {term}"));
        }
        self.check_elected(core);
        let earlier = self.commit_terms.iter().rev().find(|&(_, &committed_in)| committed_in < term);
        if let Some((&index, _)) = earlier
            && index > core.compacted().index
            && core.entry(index).map(|entry| entry.term) != self.committed.get(&index).map(|&(term, _)| term)
        {
            self.violate(format!(
                "leader completeness: node {id} leads term {term} without committed entry {index}"
            ));
        }
    }

    /// Nobody leads without the durable votes of a quorum in that very term (section 5.2).
    fn check_elected(&mut self, core: &Raft) {
        let (id, term) = (core.id(), core.term());
        let ballot = self.ballots.get(&term);
        let supports = |voter: &NodeId| ballot.is_some_and(|votes| votes.get(voter) == Some(&id));
        if let Some(votes) = without_quorum(core.configuration(), supports) {
            self.violate(format!("election safety: node {id} leads term {term} with {votes} durable votes"));
        }
    }

    /// Committed entries are the same everywhere and for ever, and a durable quorum holds them.
    fn check_commits(&mut self, core: &Raft, before: Index) {
        for index in before.max(core.compacted().index) + 1..=core.commit() {
            let Some(entry) = core.entry(index) else { continue };
            let content = (entry.term, payload_hash(&entry.payload));
            match self.committed.get(&index) {
                Some(known) if *known == content => {}
                Some(known) => {
                    let known = known.0;
                    return self.violate(format!(
                        "committed entries stay: node {} commits {} where an entry of term {known} was committed",
                        core.id(),
                        entry.position(),
                    ));
                }
                None => {
                    self.check_durable_quorum(core, entry);
                    if let Payload::Configuration(configuration) = &entry.payload {
                        self.configuration = configuration.clone();
                    }
                    self.committed.insert(index, content);
                    self.commit_terms.insert(index, core.term());
                }
            }
        }
    }

    /// By the configuration in force before this step, or after it: the step may have changed it on the way.
    fn check_durable_quorum(&mut self, core: &Raft, entry: &Entry) {
        let holds = |id: &NodeId| self.nodes.get(id).is_some_and(|node| node.kept.holds(entry));
        let before = &self.nodes[&core.id()].configuration;
        let lacking = without_quorum(before, holds).and(without_quorum(core.configuration(), holds));
        if let Some(holders) = lacking {
            let position = entry.position();
            self.violate(format!("durability: entry {position} is committed on {holders} disks"));
        }
    }

    /// What a log is compacted to, or a snapshot stands for, is committed: with its own term.
    fn check_committed(&mut self, id: NodeId, position: Position) {
        let known = self.committed.get(&position.index).map(|&(term, _)| term);
        if position.index > 0 && known != Some(position.term) {
            self.violate(format!("snapshots: node {id} stands at {position}, which is not committed"));
        }
    }

    /// State machine safety (section 5.4.3): only what is committed is applied, in order, and the state it leads to
    /// is the same everywhere.
    fn check_applied(&mut self, id: NodeId, entry: &Entry) {
        let content = (entry.term, payload_hash(&entry.payload));
        if self.committed.get(&entry.index) != Some(&content) {
            self.violate(format!(
                "state machine safety: node {id} applies {}, not what is committed",
                entry.position()
            ));
        }
        let node = self.nodes.entry(id).or_default();
        let expected = node.applied + 1;
        node.applied = entry.index;
        if entry.index != expected {
            self.violate(format!(
                "state machine safety: node {id} applies {}, next was {expected}",
                entry.index
            ));
        }
    }

    /// Equal applied index, equal state: sessions and cached replies included.
    fn check_state(&mut self, id: NodeId, header: &Header) {
        let (index, state_hash) = (header.applied_index, header.state_hash());
        self.note(What::Applied { node: id, index, state_hash });
        let known = *self.states.entry(index).or_insert(state_hash);
        if known != state_hash {
            self.violate(format!(
                "equal states: at {index} node {id} has {state_hash:016x}, another had {known:016x}"
            ));
        }
    }
}

/// How many voters say yes, where they are no quorum: in either half of a joint configuration.
fn without_quorum(configuration: &Configuration, says_yes: impl Fn(&NodeId) -> bool) -> Option<usize> {
    [&configuration.voters, &configuration.outgoing].into_iter().find_map(|half| {
        let yes = half.iter().filter(|id| says_yes(id)).count();
        (!half.is_empty() && yes * 2 <= half.len()).then_some(yes)
    })
}

fn payload_hash(payload: &Payload) -> u64 {
    let mut hash = StableHash::default();
    match payload {
        Payload::Noop => 0_u64.hash(&mut hash),
        Payload::Command(command) => command.hash(&mut hash),
        Payload::Configuration(configuration) => {
            configuration.voters.hash(&mut hash);
            configuration.outgoing.hash(&mut hash);
            configuration.learners.hash(&mut hash);
            configuration.wanted.hash(&mut hash);
            configuration.addresses.hash(&mut hash);
            configuration.gone.hash(&mut hash);
        }
    }
    hash.finish()
}
