//! Cores alone, in a random storm: messages are lost, doubled, late and out of order; disks lag; nodes die between any
//! write and the messages that promise it. The oracle of the simulation watches every step, and the storm itself what the
//! oracle cannot see: what the core believes of its disk and of its configuration, and whether it believes it too long.

mod calm;
mod checks;
mod weather;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use conclave::{
    env::Observer,
    kv::Header,
    raft::{
        Body, Configuration, Index, InstallFailure, Lease, Members, Message, NodeId, Options, Payload,
        Position, Raft, SendSnapshot, Snapshot, StreamId,
    },
};
use conclave_sim::{draw::Draw, oracle::Oracle, trace::Trace};
use proptest::prelude::*;

use self::weather::{Event, Weather};
use crate::{
    cluster::{ELECTION_TICKS_MAX, ELECTION_TICKS_MIN, HEARTBEAT_TICKS, TICK_US},
    disk::{Disk, State},
};

const STEPS: u32 = 10_000;
/// Four million steps in all.
const STORMS: u32 = 400;
/// Old messages that may still arrive.
const STRAGGLERS_MAX: usize = 30;
/// A log grows to this length; then nothing more is proposed.
const LOG_LENGTH_MAX: Index = 300;

struct Node {
    options: Options,
    /// What it knows of the cluster before it hears of it.
    founders: Arc<Configuration>,
    /// `None` while it is down.
    raft: Option<Raft>,
    disk: Disk,
    state: State,
    /// The snapshot that waits to be put in place.
    installing: Option<Snapshot>,
    /// The state as it was last sent.
    view: Option<Snapshot>,
    /// The snapshot that has arrived.
    staged: Option<Position>,
    /// It was told to stop.
    leaving: bool,
    /// Reads under way: the least index that each may be served at.
    reads: BTreeMap<u64, Index>,
    /// Ticks since anything reached it.
    silent_ticks: u32,
    /// Where its log began and ended when its configuration was last checked.
    checked: (Position, Position),
}

/// A snapshot on its way.
struct Stream {
    from: NodeId,
    to: NodeId,
    id: StreamId,
    snapshot: Snapshot,
    /// It arrived, without its sender knowing.
    arrived: bool,
    /// Its sender gave it up; what is under way may still arrive.
    cancelled: bool,
}

struct Storm {
    draw: Draw,
    weather: Weather,
    oracle: Oracle,
    nodes: BTreeMap<NodeId, Node>,
    under_way: Vec<Message>,
    /// Copies of messages, some of which were lost: they arrive much later, if ever.
    stragglers: VecDeque<Message>,
    /// Snapshots being streamed.
    streams: Vec<Stream>,
    cut_off: Vec<NodeId>,
    commands: u64,
    /// Reads are served by lease, so clocks have to keep their promise.
    leases: bool,
    now_us: u64,
    /// The committed configurations.
    configurations: BTreeMap<Index, Arc<Configuration>>,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "storm", 0);
        let weather = Weather::new(&mut draw);
        let size = *draw.pick(&[1, 2, 3, 3, 3, 4, 5, 5]);
        let learners = draw.below(2);
        let leases = draw.chance(50);
        let mut configuration = Configuration::of(1..=size);
        configuration.learners.extend(size + 1..=size + learners);
        // Where leases are on, they may be off at some nodes, and others may promise less.
        let options = |id, draw: &mut Draw| {
            let election_ticks_min =
                *draw.pick(&[HEARTBEAT_TICKS + 1, ELECTION_TICKS_MIN, ELECTION_TICKS_MIN]);
            Options {
                id,
                heartbeat_ticks: HEARTBEAT_TICKS,
                election_ticks_min,
                election_ticks_max: ELECTION_TICKS_MAX,
                priority: draw.below(3) as u32,
                append_bytes_max: *draw.pick(&[1, 200, 1 << 20]),
                log_entries_max: *draw.pick(&[0, 2, 10, 100]),
                log_bytes_max: *draw.pick(&[500, usize::MAX]),
                catching_up_entries: *draw.pick(&[0, 100]),
                lease: (leases && draw.chance(75)).then(|| Lease::new(election_ticks_min, TICK_US, 0)),
                seed: draw.number(),
            }
        };
        // Some belong to the cluster only later, if ever.
        let pool = 1..=size + learners + draw.below(6);
        let founding = Arc::new(configuration);
        let founders = |id| match founding.contains(id) {
            true => founding.clone(),
            false => Arc::default(),
        };
        let nodes = pool.map(|id| (id, Node::new(options(id, &mut draw), founders(id)))).collect();
        let oracle = Oracle::new(|| 0, Trace::default());
        let mut storm = Self {
            draw,
            weather,
            oracle,
            nodes,
            under_way: Vec::new(),
            stragglers: VecDeque::new(),
            streams: Vec::new(),
            cut_off: Vec::new(),
            commands: 0,
            leases,
            now_us: 0,
            configurations: BTreeMap::new(),
        };
        storm.members().into_iter().for_each(|id| storm.start(id));
        storm
    }

    fn members(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    fn blow(&mut self) {
        let event = self.weather.next(&mut self.draw);
        let Some(id) = self.somebody(event) else { return };
        match event {
            Event::Tick => self.pass_time(id),
            Event::Deliver => self.deliver(),
            Event::Straggle => self.straggle(),
            Event::Write => drop(self.write(id)),
            Event::Start => self.start(id),
            Event::Crash => self.crash(id),
            Event::Propose => self.propose(id),
            Event::Read => self.read(id),
            Event::Transfer => self.transfer(id),
            Event::Leave => self.leave(id),
            Event::Change => self.change_members(id),
            Event::Urge => self.urge(id),
            Event::Sync => self.sync(id),
            Event::Stream => self.end_stream(),
            Event::Install => self.install(id),
            Event::Cut => self.cut_off(id),
            Event::Heal => self.cut_off.clear(),
        }
        let excess = self.under_way.len().saturating_sub(self.weather.under_way_max);
        self.under_way.drain(..excess);
    }

    /// A node to which the event means something, if there is one. Leaders are asked and hurt more than others.
    fn somebody(&mut self, event: Event) -> Option<NodeId> {
        let anybody = self.draw.chance(40);
        let fits = |node: &Node| match event {
            Event::Deliver | Event::Straggle | Event::Stream | Event::Heal => true,
            Event::Start => node.raft.is_none(),
            Event::Write => !node.disk.is_idle(),
            Event::Install => node.installing.is_some(),
            Event::Tick | Event::Sync | Event::Urge => node.raft.is_some(),
            Event::Propose
            | Event::Read
            | Event::Transfer
            | Event::Leave
            | Event::Change
            | Event::Crash
            | Event::Cut => node.raft.as_ref().is_some_and(|raft| anybody || raft.is_leader()),
        };
        let fitting: Vec<NodeId> =
            self.nodes.iter().filter(|(_, node)| fits(node)).map(|(&id, _)| id).collect();
        (!fitting.is_empty()).then(|| *self.draw.pick(&fitting))
    }

    /// Each node's clock runs as it likes. But with leases time passes for all alike; a node may miss it, as one that
    /// stands still does.
    fn pass_time(&mut self, id: NodeId) {
        if !self.leases {
            return self.tick(id);
        }
        if self.draw.chance(30) {
            self.now_us += TICK_US;
            for id in self.members() {
                if self.draw.chance(95) {
                    self.tick(id);
                }
            }
        }
    }

    fn tick(&mut self, id: NodeId) {
        self.with(id, Raft::tick);
        self.nodes.get_mut(&id).expect("a member").silent_ticks += 1;
        self.check_silence(id);
        self.check_farewell(id);
    }

    /// Mostly the oldest message, sometimes any, which is lost or doubled now and then.
    fn deliver(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let any = self.draw.chance(self.weather.disorder);
        let which = if any { self.draw.below(self.under_way.len() as u64) as usize } else { 0 };
        let message = self.under_way.remove(which);
        if self.draw.chance(3) {
            self.stragglers.push_back(message.clone());
        }
        if self.draw.chance(self.weather.loss) {
            return;
        }
        if self.draw.chance(self.weather.loss) {
            self.under_way.push(message.clone());
        }
        self.arrive(message);
    }

    /// A message of long ago arrives: any of the last ones.
    fn straggle(&mut self) {
        let excess = self.stragglers.len().saturating_sub(STRAGGLERS_MAX);
        self.stragglers.drain(..excess);
        if !self.stragglers.is_empty() {
            let which = self.draw.below(self.stragglers.len() as u64) as usize;
            let message = self.stragglers.remove(which).expect("it is among them");
            self.arrive(message);
        }
    }

    fn arrive(&mut self, message: Message) {
        let cut_off = |id| self.cut_off.contains(&id);
        let reaches = match (cut_off(message.from), cut_off(message.to)) {
            (true, true) => self.weather.islands,
            (from, to) => from == to,
        };
        if reaches {
            self.nodes.get_mut(&message.to).expect("a member").silent_ticks = 0;
            self.with(message.to, |raft| raft.step(message));
        }
    }

    /// Nobody reaches the node any more; or (islands) it and some others are parted from the rest.
    fn cut_off(&mut self, id: NodeId) {
        self.cut_off.push(id);
        if self.weather.islands {
            let others = self.members();
            self.cut_off = others.into_iter().filter(|&other| other == id || self.draw.chance(50)).collect();
        }
    }

    fn propose(&mut self, id: NodeId) {
        let count = self.draw.between(1, 3);
        let commands: Vec<Arc<[u8]>> =
            (self.commands..self.commands + count).map(|number| number.to_be_bytes().into()).collect();
        self.commands += count;
        self.with(id, |raft| {
            if raft.last().index < LOG_LENGTH_MAX {
                let _ = raft.propose(commands);
            }
        });
    }

    fn read(&mut self, id: NodeId) {
        let committed = self.oracle.committed();
        let node = self.nodes.get_mut(&id).expect("a member");
        let Some(raft) = &mut node.raft else { return };
        raft.set_time(self.now_us);
        if let Some(name) = raft.read() {
            node.reads.insert(name, committed);
        }
        self.carry_out(id);
    }

    fn transfer(&mut self, id: NodeId) {
        let target = *self.draw.pick(&self.members());
        self.with(id, |raft| {
            let _ = raft.transfer(target);
        });
    }

    /// Whoever campaigns, and when: that only costs terms. What elects the right one is the vote. (A leader with a lease
    /// knows whom it urged.)
    fn urge(&mut self, id: NodeId) {
        if self.leases {
            return;
        }
        self.with(id, |raft| {
            let (term, from) = (raft.term(), raft.leader().unwrap_or(id + 1));
            raft.step(Message { from, to: id, term, body: Body::TimeoutNow });
        });
    }

    fn change_members(&mut self, id: NodeId) {
        let share = *self.draw.pick(&[20, 50, 80]);
        let pool = self.members();
        let (voters, others): (BTreeSet<NodeId>, BTreeSet<NodeId>) =
            pool.into_iter().partition(|_| self.draw.chance(share));
        // Who leaves never comes back, so most stay as learners.
        let learners: BTreeSet<NodeId> = others.into_iter().filter(|_| self.draw.chance(90)).collect();
        self.with(id, |raft| {
            let gone = &raft.configuration().gone;
            let members =
                Members { voters: &voters - gone, learners: &learners - gone, ..Members::default() };
            let _ = raft.change_members(members);
        });
    }

    /// The oldest write reaches the disk, and its promises leave. False: there is none.
    fn write(&mut self, id: NodeId) -> bool {
        let node = self.nodes.get_mut(&id).expect("a member");
        let Some(write) = node.disk.finish_oldest() else { return false };
        self.oracle.persisted(id, &write);
        self.under_way.extend(write.promises);
        self.with(id, |raft| raft.persisted(write.ticket));
        true
    }

    /// Of the writes under way some reach the disk, and nobody hears of it.
    fn crash(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a member");
        for _ in 0..self.draw.below(3) {
            node.disk.finish_oldest();
        }
        node.disk.lose_pending();
        node.raft = None;
        node.leaving = false;
        node.staged = None;
        node.view = None;
        node.reads.clear();
        if let Some(snapshot) = node.installing.take()
            && self.draw.chance(50)
        {
            node.state.install(snapshot);
        }
        node.state.lose_unsynced();
    }

    fn start(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a member");
        if node.raft.is_some() {
            return;
        }
        node.options.seed = self.draw.number();
        node.silent_ticks = 0;
        node.checked = Default::default();
        let recovered = node.disk.recover(node.founders.clone(), &node.state);
        let raft = node.raft.insert(Raft::new(node.options.clone(), recovered));
        self.oracle.started(raft);
    }

    /// Gives a node an input, unless it is down. What follows waits for the next one now and then, but never a vote: the
    /// oracle wants to see each on the disk, though a later one implies it.
    fn with(&mut self, id: NodeId, input: impl FnOnce(&mut Raft)) {
        if let Some(raft) = &mut self.nodes.get_mut(&id).expect("a member").raft {
            raft.set_time(self.now_us);
            let vote = raft.vote();
            input(raft);
            let waits = raft.vote() == vote && self.draw.chance(self.weather.batches);
            if !waits {
                self.carry_out(id);
            }
        }
    }

    fn carry_out(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a member");
        let Some(raft) = &mut node.raft else { return };
        let effects = raft.effects();
        self.oracle.stepped(raft, &effects);
        if let Some(write) = effects.persist {
            node.disk.enqueue(write);
        }
        if let Some(last) = effects.committed.last() {
            if node.disk.position_at(last.index) != Some(last.position()) {
                self.oracle
                    .violate(format!("the disk: node {id} applies {}, which it lacks", last.position()));
            }
            for entry in &effects.committed {
                node.state.apply(entry);
                if let Payload::Configuration(configuration) = &entry.payload {
                    self.configurations.insert(entry.index, configuration.clone());
                }
            }
            Observer::applied(&self.oracle, id, &effects.committed, &Header::default());
        }
        for ready in effects.reads {
            let least = node.reads.remove(&ready.id).expect("a read that was asked for");
            if ready.index < least {
                self.oracle.violate(format!(
                    "stale read: node {id} reads at {}, {least} was committed",
                    ready.index
                ));
            }
        }
        for failed in effects.reads_failed {
            node.reads.remove(&failed).expect("a read that was asked for");
        }
        if let Some(refused) = effects.refused.first() {
            self.oracle.violate(format!("refused: node {id} refuses what may happen: {refused:?}"));
        }
        self.under_way.extend(effects.messages);
        node.installing = effects.install.or(node.installing.take());
        for SendSnapshot { to, stream, needed } in effects.snapshots {
            // An earlier view of the state goes on where it broke off.
            let is_kept = |view: &Snapshot| view.last.index >= needed;
            let kept = node.view.clone().filter(is_kept).filter(|_| self.draw.chance(50));
            let snapshot = kept.unwrap_or_else(|| node.state.applied.clone());
            node.view = Some(snapshot.clone());
            self.streams.push(Stream {
                from: id,
                to,
                id: stream,
                snapshot,
                arrived: false,
                cancelled: false,
            });
        }
        for stream in self.streams.iter_mut().filter(|stream| stream.from == id) {
            stream.cancelled |= effects.cancelled.contains(&stream.id);
        }
        self.check_leaving(id);
        self.check_configuration(id);
        self.check_disk(id);
    }

    fn sync(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a member");
        node.state.sync();
        let durable = node.state.durable.last.index;
        self.with(id, |raft| raft.state_durable(durable));
    }

    /// A snapshot on its way arrives in part or in full, or breaks off; the sender hears of its end then or later.
    fn end_stream(&mut self) {
        if self.streams.is_empty() {
            return;
        }
        let which = self.draw.below(self.streams.len() as u64) as usize;
        let (well, heard) = (self.draw.chance(70), self.draw.chance(70));
        let mut stream = self.streams.swap_remove(which);
        let (from, to, id, last) = (stream.from, stream.to, stream.id, stream.snapshot.last);
        if well && !stream.arrived {
            let admitted = self.send_piece(&stream);
            if self.draw.chance(20) {
                return self.streams.push(stream);
            }
            if admitted {
                stream.arrived = true;
                self.nodes.get_mut(&to).expect("a member").staged = Some(last);
                let body = Body::InstallSnapshot { snapshot: stream.snapshot.clone(), stream: id.number };
                self.under_way.push(Message { from, to, term: id.term, body });
            }
        }
        if !heard {
            return self.streams.push(stream);
        }
        let (cancelled, index) = (stream.cancelled, stream.arrived.then_some(last.index));
        let mut changes = false;
        self.with(from, |raft| {
            let before = raft.peers();
            raft.snapshot_sent(to, id, index);
            changes = raft.peers() != before;
        });
        if cancelled && changes {
            self.oracle
                .violate(format!("streams: node {from} believes the end of stream {id}, which it cancelled"));
        }
    }

    /// Whether the receiver takes it. What it had of another snapshot is gone then.
    fn send_piece(&mut self, stream: &Stream) -> bool {
        let (from, id, last) = (stream.from, stream.id, stream.snapshot.last);
        let mut admitted = false;
        self.with(stream.to, |raft| admitted = raft.admit_piece(from, id, last).is_ok());
        if admitted {
            self.nodes.get_mut(&stream.to).expect("a member").staged = None;
        }
        admitted
    }

    /// The node is told to stop, or stops if it may.
    fn leave(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a member");
        match std::mem::replace(&mut node.leaving, true) {
            false => self.with(id, Raft::leave),
            true if node.raft.as_ref().is_some_and(Raft::may_stop) => self.crash(id),
            true => {}
        }
    }

    /// The snapshot is put in place, unless another one took its place on the way, or the node dies just then.
    fn install(&mut self, id: NodeId) {
        if self.nodes[&id].installing.is_none() {
            return;
        }
        let fate = self.draw.below(10);
        if fate == 0 {
            return self.crash(id);
        }
        let node = self.nodes.get_mut(&id).expect("a member");
        let snapshot = node.installing.take().expect("a snapshot to install");
        if fate == 1 || node.staged.take() != Some(snapshot.last) {
            return self.with(id, |raft| raft.install_failed(InstallFailure::NotStaged));
        }
        node.state.install(snapshot.clone());
        self.oracle.installed(id, &snapshot, &Header::default());
        self.with(id, Raft::installed);
    }
}

impl Node {
    fn new(options: Options, founders: Arc<Configuration>) -> Self {
        let state = State::new(founders.clone());
        let (disk, reads) = (Disk::default(), BTreeMap::new());
        let checked = Default::default();
        Self {
            options,
            founders,
            raft: None,
            disk,
            state,
            installing: None,
            view: None,
            staged: None,
            leaving: false,
            reads,
            silent_ticks: 0,
            checked,
        }
    }
}

/// A storm of so many steps, and the calm after it.
fn weather(seed: u64, steps: u32) -> Result<(), String> {
    let mut storm = Storm::new(seed);
    for step in 0..steps {
        storm.blow();
        if let Some(violation) = storm.oracle.violation() {
            return Err(format!("after {} steps: {violation}", step + 1));
        }
    }
    storm.calm()?;
    storm.oracle.violation().map_or(Ok(()), Err)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: STORMS, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cores_keep_their_promises_in_a_storm(seed: u64, steps in STEPS - 1..=STEPS) {
        prop_assert_eq!(weather(seed, steps), Ok(()));
    }
}
