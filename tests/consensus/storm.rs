//! Cores alone, in a random storm: messages are lost, doubled, late and out of order; disks lag; nodes die between any
//! write and the messages that promise it. The rules of `conclave-checks` are checked at every step.

mod network;
mod profile;
mod recovery;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use conclave::raft::{
    Body, Configuration, Incarnation, Index, InstallFailure, Lease, Members, Message, NodeId, Options,
    Origin, Position, Raft, Snapshot,
};
use conclave_checks::{
    FaultBudget, Oracle, Probe,
    draw::Draw,
    host::{Host, LogDisk, Stream},
};
use proptest::prelude::*;

use self::{
    network::{Network, Sent},
    profile::{Profile, Step},
};
use crate::cluster::{ELECTION_TICKS_MAX, ELECTION_TICKS_MIN, HEARTBEAT_TICKS, TICK_US};

const STEPS: u32 = 10_000;
/// Four million steps in all.
const STORMS: u32 = 400;
/// A log grows to this length; then nothing more is proposed.
const LOG_LENGTH_MAX: Index = 300;

struct Node {
    options: Options,
    host: Host,
    /// The state as it was last sent.
    view: Option<Snapshot>,
    /// The snapshot that has arrived in full.
    staged: Option<Position>,
    /// It was told to stop.
    is_leaving: bool,
    /// Ticks since anything reached it.
    silent_ticks: u32,
}

struct Storm {
    draw: Draw,
    /// For the settings of nodes that come up again.
    settings: Draw,
    profile: Profile,
    oracle: Oracle,
    nodes: BTreeMap<NodeId, Node>,
    network: Network,
    commands: u64,
    /// Reads are served by lease, so clocks have to keep their promise.
    leases: bool,
    now_us: u64,
    founders: Arc<Configuration>,
    /// Nodes that lost their disks.
    lost: BTreeSet<NodeId>,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "storm", 0);
        let profile = Profile::new(&mut draw);
        let size = *draw.pick(&[1, 2, 3, 3, 3, 4, 5, 5]);
        let learners = draw.below(2);
        let leases = draw.chance(50);
        let mut configuration = Configuration::of(1..=size);
        configuration.learners.extend(size + 1..=size + learners);
        // Some belong to the cluster only later, if ever.
        let pool = 1..=size + learners + draw.below(6);
        let founding = Arc::new(configuration);
        let node = |id| {
            let founders = if founding.contains(id) { founding.clone() } else { Arc::default() };
            let host = Host::new(founders, LogDisk::default());
            let options = options(id, leases, &mut draw);
            (id, Node { options, host, view: None, staged: None, is_leaving: false, silent_ticks: 0 })
        };
        let nodes = pool.map(node).collect();
        let mut storm = Self {
            draw,
            settings: Draw::new(seed, "settings", 0),
            profile,
            oracle: Oracle::default(),
            nodes,
            network: Network::default(),
            commands: 0,
            leases,
            now_us: 0,
            founders: founding,
            lost: BTreeSet::new(),
        };
        storm.members().into_iter().for_each(|id| storm.start(id));
        storm
    }

    fn members(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("a member")
    }

    fn step(&mut self) {
        match self.profile.next(&mut self.draw) {
            Step::Deliver => self.deliver(Network::next),
            Step::DeliverLate => self.deliver(Network::next_late),
            Step::Stream => self.end_stream(),
            Step::Heal => self.network.isolated.clear(),
            step => {
                let id = self.node_for(step);
                if let Some(id) = id {
                    self.step_at(id, step);
                }
            }
        }
        self.network.lose_excess(&self.profile);
    }

    fn step_at(&mut self, id: NodeId, step: Step) {
        match step {
            Step::Tick => self.pass_time(id),
            Step::Write => drop(self.write(id)),
            Step::Start => self.start(id),
            Step::Crash => self.crash(id),
            Step::LoseDisk => self.lose_disk(id),
            Step::Propose => self.propose(id),
            Step::Read => self.read(id),
            Step::Transfer => self.transfer(id),
            Step::Leave => self.leave(id),
            Step::ChangeMembers => self.change_members(id),
            Step::Campaign => self.campaign(id),
            Step::Sync => self.sync(id),
            Step::Install => self.install(id),
            Step::Isolate => self.isolate(id),
            Step::Deliver | Step::DeliverLate | Step::Stream | Step::Heal => {}
        }
    }

    /// A node to which the step means something, if there is one. Leaders are asked and hurt more than others.
    fn node_for(&mut self, step: Step) -> Option<NodeId> {
        let anybody = self.draw.chance(40);
        let fits = |host: &Host| match step {
            Step::Start => host.core().is_none(),
            Step::Write => host.disk().writes_under_way() > 0,
            Step::Install => host.installing().is_some(),
            Step::Tick | Step::Sync | Step::Campaign => host.core().is_some(),
            _ => host.core().is_some_and(|raft| anybody || raft.is_leader()),
        };
        let fitting: Vec<NodeId> =
            self.nodes.iter().filter(|(_, node)| fits(&node.host)).map(|(&id, _)| id).collect();
        (!fitting.is_empty()).then(|| *self.draw.pick(&fitting))
    }

    /// Each node's clock runs as it likes. But with leases time passes for all alike; a node may miss it, as one that
    /// is paused does.
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
        let node = self.nodes.get_mut(&id).expect("a member");
        node.silent_ticks += 1;
        if let Some(raft) = node.host.core() {
            self.oracle.ticked(raft, node.silent_ticks, ELECTION_TICKS_MAX);
        }
    }

    fn deliver(&mut self, next: impl FnOnce(&mut Network, &mut Draw, &Profile) -> Option<Message>) {
        if let Some(message) = next(&mut self.network, &mut self.draw, &self.profile) {
            self.node(message.to).silent_ticks = 0;
            self.with(message.to, |raft| raft.step(message));
        }
    }

    /// A node is isolated; or it and some others are parted from the rest.
    fn isolate(&mut self, id: NodeId) {
        self.network.isolated.push(id);
        if self.profile.partitions {
            let others = self.members().into_iter();
            self.network.isolated = others.filter(|&other| other == id || self.draw.chance(50)).collect();
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
        if let Some(Some(read)) = self.input(id, Raft::read) {
            self.oracle.read_asked(id, read);
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
    /// knows whom it told to campaign.)
    fn campaign(&mut self, id: NodeId) {
        if self.leases {
            return;
        }
        let incarnations: BTreeMap<NodeId, Incarnation> =
            self.nodes.iter().map(|(&id, node)| (id, node.options.incarnation)).collect();
        let oracle = self.oracle.clone();
        self.with(id, |raft| {
            if raft.is_leader() {
                return;
            }
            let (term, from) = (raft.term(), raft.leader().unwrap_or(id + 1));
            let incarnation = incarnations.get(&from).copied().unwrap_or(0);
            let origin = Origin { incarnation, ..raft.origin() };
            if from != id {
                let message = Message { from, to: id, origin, term, body: Body::TimeoutNow };
                oracle.forged(&message);
                raft.step(message);
            }
        });
    }

    /// Not as long as one is to be replaced that lost its disk: without it, and without another one, there may be no quorum.
    fn change_members(&mut self, id: NodeId) {
        if FaultBudget::of(&self.oracle).lacks_a_member() {
            return;
        }
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
        let Some(write) = node.host.disk().oldest_write() else { return false };
        self.oracle.persisted(id, write);
        let written = node.host.finish_write().expect("there is one");
        self.network.send(written.promises);
        self.with(id, |raft| raft.persisted(written.ticket));
        true
    }

    /// Of the writes under way some reach the disk, and nobody hears of it.
    fn crash(&mut self, id: NodeId) {
        let (writes_done, is_installed) = (self.draw.below(3) as usize, self.draw.chance(50));
        let node = self.node(id);
        node.host.crash(writes_done, is_installed);
        (node.view, node.staged, node.is_leaving) = (None, None, false);
    }

    /// Not of one without which something could be lost that was promised.
    fn lose_disk(&mut self, id: NodeId) {
        if FaultBudget::of(&self.oracle).can_spare(id) {
            self.crash(id);
            FaultBudget::of(&self.oracle).disk_lost(id);
            self.lost.insert(id);
            let (incarnation, founders) = (self.draw.number(), self.founders.clone());
            let node = self.node(id);
            node.options.incarnation = incarnation;
            node.host = Host::new(founders, LogDisk::default());
        }
    }

    fn start(&mut self, id: NodeId) {
        let seed = self.draw.number();
        // It may come up with other settings than before.
        let is_changed = self.leases && self.settings.chance(40);
        let changed = is_changed.then(|| lease_of(true, &mut self.settings));
        let node = self.nodes.get_mut(&id).expect("a member");
        if node.host.core().is_none() {
            node.options.seed = seed;
            if let Some((election_ticks_min, lease)) = changed {
                (node.options.election_ticks_min, node.options.lease) = (election_ticks_min, lease);
            }
            node.silent_ticks = 0;
            self.oracle.started(node.host.start(node.options.clone()), None);
        }
    }

    fn input<T>(&mut self, id: NodeId, input: impl FnOnce(&mut Raft) -> T) -> Option<T> {
        let now_us = self.now_us;
        self.node(id).host.input(|raft| {
            raft.set_time(now_us);
            input(raft)
        })
    }

    /// Gives a node an input, unless it is down. What follows waits for the next one now and then.
    fn with<T>(&mut self, id: NodeId, input: impl FnOnce(&mut Raft) -> T) -> Option<T> {
        let output = self.input(id, input);
        if !self.draw.chance(self.profile.batched_percent) {
            self.carry_out(id);
        }
        output
    }

    fn carry_out(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a member");
        let Some(effects) = node.host.effects() else { return };
        self.oracle.stepped(node.host.core().expect("it is up"), &effects);
        let output = node.host.carry_out(effects);
        self.oracle.applied(id, &output.applied, 0);
        self.network.send(output.messages);
        for stream in output.streams {
            self.stream(stream);
        }
    }

    /// The state is sent as it is now; or an earlier view of it goes on where it broke off.
    fn stream(&mut self, mut stream: Stream) {
        let is_kept = self.draw.chance(50);
        let view = &mut self.node(stream.from).view;
        if let Some(kept) = view.as_ref().filter(|kept| is_kept && kept.last.index >= stream.needed) {
            stream.snapshot = kept.clone();
        }
        *view = Some(stream.snapshot.clone());
        self.network.stream(stream);
    }

    fn sync(&mut self, id: NodeId) {
        self.node(id).host.sync();
        self.with(id, |_| ());
    }

    /// A snapshot on its way arrives in part or in full, or breaks off; the sender hears of its end then or later.
    fn end_stream(&mut self) {
        let Some(mut sent) = self.network.next_stream(&mut self.draw) else { return };
        let well = !self.draw.chance(self.profile.stream_failures_percent);
        let is_heard = self.draw.chance(70);
        if well && !sent.has_arrived {
            let is_admitted = self.send_piece(&sent.stream);
            if self.draw.chance(20) {
                return self.network.put_back(sent);
            }
            if is_admitted {
                sent.has_arrived = true;
                self.node(sent.stream.to).staged = Some(sent.stream.snapshot.last);
                self.network.send(vec![sent.stream.end()]);
            }
        }
        match is_heard {
            true => self.tell_sender(sent),
            false => self.network.put_back(sent),
        }
    }

    /// Whether the receiver takes it. What it had of another snapshot is gone then.
    fn send_piece(&mut self, &Stream { from, to, id, ref snapshot, .. }: &Stream) -> bool {
        let admitted = self.with(to, |raft| raft.admit_piece(from, id, snapshot.last).is_ok());
        if admitted == Some(true) {
            self.node(to).staged = None;
        }
        admitted == Some(true)
    }

    fn tell_sender(&mut self, Sent { stream: Stream { from, to, id, snapshot, .. }, has_arrived }: Sent) {
        let index = has_arrived.then_some(snapshot.last.index);
        let is_believed = self.with(from, |raft| {
            let before = raft.peers();
            raft.snapshot_sent(to, id, index);
            raft.peers() != before
        });
        self.oracle.stream_ended(from, id, is_believed == Some(true));
    }

    /// The node is told to stop, or stops if it may.
    fn leave(&mut self, id: NodeId) {
        let node = self.node(id);
        match std::mem::replace(&mut node.is_leaving, true) {
            false => drop(self.with(id, Raft::leave)),
            true if node.host.core().is_some_and(Raft::may_stop) => self.crash(id),
            true => {}
        }
    }

    /// The snapshot is put in place, unless another one took its place on the way, or the node dies just then.
    fn install(&mut self, id: NodeId) {
        if self.node(id).host.installing().is_none() {
            return;
        }
        let goes_wrong = self.draw.chance(self.profile.install_failures_percent);
        let fate = if goes_wrong { self.draw.below(2) } else { 2 };
        let node = self.node(id);
        let is_staged = node.staged.take() == node.host.installing().map(|snapshot| snapshot.last);
        match fate {
            0 => return self.crash(id),
            2.. if is_staged => {
                let snapshot = node.host.install().expect("one waits");
                self.oracle.installed(id, &snapshot, 0);
            }
            _ => node.host.fail_install(InstallFailure::NotStaged),
        }
        self.with(id, |_| ());
    }
}

/// Where leases are on, they may be off at some nodes, and others may promise less: the shortest election timeout, and the lease.
fn lease_of(leases: bool, draw: &mut Draw) -> (u32, Option<Lease>) {
    let election_ticks_min = *draw.pick(&[HEARTBEAT_TICKS + 1, ELECTION_TICKS_MIN, ELECTION_TICKS_MIN]);
    (election_ticks_min, (leases && draw.chance(75)).then(|| Lease::new(election_ticks_min, TICK_US, 0)))
}

fn options(id: NodeId, leases: bool, draw: &mut Draw) -> Options {
    let (election_ticks_min, lease) = lease_of(leases, draw);
    Options {
        heartbeat_ticks: HEARTBEAT_TICKS,
        election_ticks_min,
        election_ticks_max: ELECTION_TICKS_MAX,
        priority: draw.below(3) as u32,
        append_bytes_max: *draw.pick(&[1, 200, 1 << 20]),
        log_entries_max: *draw.pick(&[0, 2, 10, 100]),
        log_bytes_max: *draw.pick(&[500, usize::MAX]),
        catching_up_entries: *draw.pick(&[0, 100]),
        catching_up_bytes: 1_500,
        lease,
        founding_id: draw.number(),
        incarnation: draw.number(),
        seed: draw.number(),
        ..Options::plain(id)
    }
}

/// A storm of so many steps, and the recovery after it.
fn storm(seed: u64, steps: u32) -> Result<(), String> {
    let mut storm = Storm::new(seed);
    for step in 0..steps {
        storm.step();
        if let Some(failure) = storm.oracle.failure() {
            return Err(format!("after {} steps: {failure}", step + 1));
        }
    }
    storm.recover()?;
    storm.oracle.failure().map_or(Ok(()), |failure| Err(failure.to_string()))
}

/// Rarer than so few storms: campaigns of the simulation reach them. (2,500 storms do as well; and scripts play the second one.)
const RARER: &[Probe] = &[Probe::VoteDeniedPromise, Probe::InstallKeepsTail];

/// Rules are checked in vain where nothing happens.
#[test]
fn storms_reach_the_rare_states_of_the_consensus() {
    let mut reached = BTreeSet::new();
    for seed in 0..120 {
        let mut storm = Storm::new(seed);
        (0..STEPS).for_each(|_| storm.step());
        reached.extend(storm.oracle.counts().reached);
    }
    let never = Probe::ALL.iter().filter(|probe| !reached.contains(probe) && !RARER.contains(probe));
    let never: Vec<&str> = never.map(|probe| probe.name()).collect();
    assert!(never.is_empty(), "no storm reached {}", never.join(", "));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: STORMS, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cores_keep_their_promises_in_a_storm(seed: u64, steps in STEPS - 1..=STEPS) {
        prop_assert_eq!(storm(seed, steps), Ok(()));
    }
}
