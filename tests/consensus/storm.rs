//! Cores alone, in a random storm: messages are lost, doubled, late and out of order; disks lag; nodes die between any
//! write and the messages that promise it. The oracle of the simulation watches every step.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use conclave::{
    kv::Header,
    node::Observer,
    raft::{
        Body, Configuration, Index, Lease, Members, Message, NodeId, Options, Raft, SendSnapshot, Snapshot,
    },
};
use conclave_sim::{draw::Draw, oracle::Oracle, trace::Trace};
use proptest::prelude::*;

use crate::{
    cluster::{ELECTION_TICKS_MAX, ELECTION_TICKS_MIN, HEARTBEAT_TICKS},
    disk::{Disk, State},
};

const STEPS: u32 = 10_000;
/// Four million steps in all.
const STORMS: u32 = 400;
/// What a tick lasts, where it matters.
const TICK_US: u64 = 1_000;
/// Beyond it messages are lost: a network that holds everything would only ever deliver what is old.
const UNDER_WAY_MAX: usize = 60;
/// A log grows to this length; then nothing more is proposed.
const LOG_LENGTH_MAX: Index = 300;
/// Rounds of the healed cluster, each of one tick, within which it must elect, commit and agree.
const CALM_ROUNDS_MAX: u32 = 40 * ELECTION_TICKS_MAX;

struct Node {
    options: Options,
    /// What it knows of the cluster before it hears of it.
    founders: Configuration,
    /// `None` while it is down.
    raft: Option<Raft>,
    disk: Disk,
    state: State,
    /// The snapshot that waits to be put in place.
    installing: Option<Snapshot>,
    /// Reads under way: the least index that each may be served at.
    reads: BTreeMap<u64, Index>,
}

struct Storm {
    draw: Draw,
    oracle: Oracle,
    nodes: BTreeMap<NodeId, Node>,
    under_way: Vec<Message>,
    /// Snapshots being streamed, each as the message that ends it.
    streams: Vec<Message>,
    /// Nodes that nobody reaches, and that reach nobody.
    cut_off: Vec<NodeId>,
    commands: u64,
    /// Reads are served by lease, so clocks have to keep their promise.
    leases: bool,
    now_us: u64,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "storm", 0);
        let size = *draw.pick(&[1, 3, 3, 5]);
        let learners = draw.below(2);
        let leases = draw.chance(30);
        let mut configuration = Configuration::of(1..=size);
        configuration.learners.extend(size + 1..=size + learners);
        let options = |id, draw: &mut Draw| Options {
            id,
            heartbeat_ticks: HEARTBEAT_TICKS,
            election_ticks_min: ELECTION_TICKS_MIN,
            election_ticks_max: ELECTION_TICKS_MAX,
            priority: draw.below(3) as u32,
            append_bytes_max: *draw.pick(&[1, 200, 1 << 20]),
            log_entries_max: *draw.pick(&[0, 10, 100]),
            log_bytes_max: *draw.pick(&[500, usize::MAX]),
            lease: leases.then(|| Lease::new(ELECTION_TICKS_MIN, TICK_US, 0)),
            seed: draw.number(),
        };
        // Some belong to the cluster only later, if ever.
        let pool = 1..=size + learners + draw.below(6);
        let founders = |id| match configuration.contains(id) {
            true => configuration.clone(),
            false => Configuration::default(),
        };
        let nodes = pool.map(|id| (id, Node::new(options(id, &mut draw), founders(id)))).collect();
        let oracle = Oracle::new(|| 0, Trace::default());
        let (under_way, streams, cut_off) = (Vec::new(), Vec::new(), Vec::new());
        let mut storm =
            Self { draw, oracle, nodes, under_way, streams, cut_off, commands: 0, leases, now_us: 0 };
        storm.members().into_iter().for_each(|id| storm.start(id));
        storm
    }

    fn members(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    fn blow(&mut self) {
        let members = self.members();
        let id = *self.draw.pick(&members);
        match self.draw.below(1000) {
            0..190 => self.pass_time(id),
            190..195 => self.sync(id),
            195..205 => self.end_stream(),
            205..220 => self.install(id),
            220..600 => self.deliver(),
            600..820 => drop(self.write(id)),
            820..910 => self.propose(id),
            910..940 => self.read(id),
            940..944 => self.transfer(id),
            944..946 => self.change_members(id),
            946..950 => self.crash(id),
            950..990 => self.start(id),
            990..993 => self.cut_off.push(id),
            _ => self.cut_off.clear(),
        }
        let excess = self.under_way.len().saturating_sub(UNDER_WAY_MAX);
        self.under_way.drain(..excess);
    }

    /// Each node's clock runs as it likes. But with leases time passes for all alike; a node may miss it, as one that
    /// stands still does.
    fn pass_time(&mut self, id: NodeId) {
        if !self.leases {
            return self.with(id, Raft::tick);
        }
        if self.draw.chance(30) {
            self.now_us += TICK_US;
            for id in self.members() {
                if self.draw.chance(95) {
                    self.with(id, Raft::tick);
                }
            }
        }
    }

    /// Mostly the oldest message, sometimes any, which is lost or doubled now and then.
    fn deliver(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let any = self.draw.chance(30);
        let which = if any { self.draw.below(self.under_way.len() as u64) as usize } else { 0 };
        let message = self.under_way.remove(which);
        if self.draw.chance(5) {
            return;
        }
        if self.draw.chance(5) {
            self.under_way.push(message.clone());
        }
        let reaches = !self.cut_off.contains(&message.to) && !self.cut_off.contains(&message.from);
        if reaches {
            self.with(message.to, |raft| raft.step(message));
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

    fn change_members(&mut self, id: NodeId) {
        let share = self.draw.between(30, 90);
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
        let recovered = node.disk.recover(node.founders.clone(), &node.state);
        let raft = node.raft.insert(Raft::new(node.options.clone(), recovered));
        self.oracle.started(raft);
    }

    fn with(&mut self, id: NodeId, input: impl FnOnce(&mut Raft)) {
        if let Some(raft) = &mut self.nodes.get_mut(&id).expect("a member").raft {
            raft.set_time(self.now_us);
            input(raft);
            self.carry_out(id);
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
        if !effects.committed.is_empty() {
            effects.committed.iter().for_each(|entry| node.state.apply(entry));
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
        self.under_way.extend(effects.messages);
        node.installing = effects.install.or(node.installing.take());
        let snapshot = node.state.applied.clone();
        let stream = |SendSnapshot { to, term }| Message {
            from: id,
            to,
            term,
            body: Body::InstallSnapshot { snapshot: snapshot.clone() },
        };
        self.streams.extend(effects.snapshots.into_iter().map(stream));
    }

    fn sync(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a member");
        node.state.sync();
        let durable = node.state.durable.last.index;
        self.with(id, |raft| raft.state_durable(durable));
    }

    /// A snapshot on its way arrives in full, or breaks off.
    fn end_stream(&mut self) {
        let Some(message) = self.streams.pop() else { return };
        let well = self.draw.chance(70);
        let Body::InstallSnapshot { snapshot } = &message.body else { return };
        let (to, index) = (message.to, snapshot.last.index);
        let from = message.from;
        if well {
            self.under_way.push(message);
        }
        self.with(from, |raft| raft.snapshot_sent(to, well.then_some(index)));
    }

    fn install(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a member");
        if let Some(snapshot) = node.installing.take() {
            node.state.install(snapshot.clone());
            self.oracle.installed(id, &snapshot, &Header::default());
            self.with(id, Raft::installed);
        }
    }

    /// Everything is healed: a leader must be elected and all must come to hold and apply the same.
    fn calm(&mut self) -> Result<(), String> {
        self.cut_off.clear();
        let members = self.members();
        members.iter().for_each(|&id| self.start(id));
        for _ in 0..CALM_ROUNDS_MAX {
            for &id in &members {
                self.with(id, Raft::tick);
                while self.write(id) {}
                self.install(id);
            }
            while !self.streams.is_empty() {
                self.end_stream();
            }
            for message in std::mem::take(&mut self.under_way) {
                self.with(message.to, |raft| raft.step(message));
            }
            if self.agrees() {
                return Ok(());
            }
        }
        Err("the healed cluster does not come to agree".to_owned())
    }

    fn agrees(&self) -> bool {
        let committed = self.oracle.committed();
        let mut cores = self.nodes.values().filter_map(|node| node.raft.as_ref());
        let leader = cores.clone().filter(|raft| raft.is_leader()).max_by_key(|raft| raft.term());
        let Some(configuration) = leader.map(Raft::configuration) else { return false };
        let done = |raft: &Raft| {
            let agrees = raft.last().index == committed && raft.leader().is_some();
            !configuration.contains(raft.id())
                || agrees && self.nodes[&raft.id()].state.applied.last.index == committed
        };
        committed > 0 && !configuration.is_changing() && cores.all(done)
    }
}

impl Node {
    fn new(options: Options, founders: Configuration) -> Self {
        let state = State::new(founders.clone());
        let (disk, reads) = (Disk::default(), BTreeMap::new());
        Self { options, founders, raft: None, disk, state, installing: None, reads }
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
