//! A few nodes, their disks and the network between them, moved by hand. Everything that happens is told.

mod streams;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use conclave::raft::{
    ChangeError, Configuration, Effects, Entry, Index, InstallFailure, Lease, Members, Message, NodeId,
    Options, Origin, Payload, ProposeError, Raft, Refused, RoleName, Term, Vote,
};
use conclave_checks::host::{Host, LogDisk, Stream};

use crate::show;

/// A direction between two nodes.
pub(crate) type Link = (NodeId, NodeId);

pub(crate) const ELECTION_TICKS_MIN: u32 = 10;
pub(crate) const ELECTION_TICKS_MAX: u32 = 20;
pub(crate) const HEARTBEAT_TICKS: u32 = 3;
/// What a tick lasts, where it matters.
pub(crate) const TICK_US: u64 = 1_000;
/// More rounds than any story needs to come to rest.
const ROUNDS_MAX: usize = 1_000;

/// What keeps messages and logs short.
pub(crate) struct Limits {
    pub(crate) append_bytes: usize,
    pub(crate) log_entries: usize,
    /// Whoever is the first leader gives the cluster an id: 100 and its own number.
    pub(crate) founding_ids: bool,
    /// Data directories are told apart: each is 200 and the node's number.
    pub(crate) incarnations: bool,
    /// Nodes that read and promise by lease.
    pub(crate) leases: Vec<NodeId>,
}

pub(crate) struct Node {
    options: Options,
    host: Host,
    /// The disk stands still: writes queue up.
    pub(crate) stalled: bool,
    /// What is applied is not durable until it is said to be.
    unsynced: bool,
    /// What it receives is not what was sent.
    pub(crate) receives_damaged: bool,
    /// `None` while it is down.
    seen: Option<Seen>,
    now_us: u64,
}

/// What was last told of a node.
#[derive(Clone, PartialEq, Eq)]
struct Seen {
    role: RoleName,
    vote: Vote,
    leader: Option<NodeId>,
    commit: Index,
    may_stop: bool,
}

#[derive(Default)]
pub(crate) struct Cluster {
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    configuration: Arc<Configuration>,
    /// Messages under way, oldest first.
    network: Vec<Message>,
    /// Copies of messages, to be replayed late.
    copies: Vec<Message>,
    /// Links that lose everything.
    cut: BTreeSet<Link>,
    /// Links whose messages wait until they are delivered by name.
    held: BTreeSet<Link>,
    /// Reads by node and the core's name, numbered for the reader.
    reads: BTreeMap<(NodeId, u64), usize>,
    told: Vec<String>,
    /// Snapshots being streamed, oldest first.
    streams: Vec<Stream>,
    /// Those that arrived, which their senders do not know yet.
    arrived: Vec<Stream>,
    /// Those that ended.
    ended_streams: Vec<Stream>,
    /// Streams wait until they are ended by hand.
    pub(crate) streams_held: bool,
}

impl Cluster {
    /// The members of the configuration, and so many spare nodes that belong to nothing yet.
    pub(crate) fn new(configuration: Configuration, spares: NodeId, limits: Limits) -> Self {
        let configuration = Arc::new(configuration);
        let mut cluster = Self { configuration: configuration.clone(), ..Self::default() };
        let last = configuration.members().last().expect("a cluster has members");
        for id in configuration.members().chain(last + 1..=last + spares) {
            let options = Options {
                heartbeat_ticks: HEARTBEAT_TICKS,
                election_ticks_min: ELECTION_TICKS_MIN,
                election_ticks_max: ELECTION_TICKS_MAX,
                append_bytes_max: limits.append_bytes,
                log_entries_max: limits.log_entries,
                catching_up_entries: limits.log_entries.saturating_mul(3),
                founding_id: if limits.founding_ids { 100 + id } else { 0 },
                incarnation: if limits.incarnations { 200 + id } else { 0 },
                ..Options::plain(id)
            };
            let host = Host::new(cluster.founders(id), LogDisk::default());
            cluster.nodes.insert(id, Node::new(options, host));
            cluster.set_lease(id, limits.leases.contains(&id));
            cluster.restart(id);
        }
        cluster
    }

    /// What was told since the last time.
    pub(crate) fn take_told(&mut self) -> String {
        mem::take(&mut self.told).join("\n")
    }

    fn tell(&mut self, line: String) {
        self.told.push(line);
    }

    /// Starts a node anew from a disk with this term and entries of these terms.
    pub(crate) fn prepare(&mut self, id: NodeId, vote: Vote, terms: &[Term], priority: u32) {
        let node = self.nodes.get_mut(&id).expect("a member");
        let entry = |(offset, &term): (usize, &Term)| Entry {
            term,
            index: offset as Index + 1,
            payload: Payload::Noop,
        };
        node.host.replace_disk(LogDisk::new(vote, terms.iter().enumerate().map(entry).collect()));
        node.options.priority = priority;
        self.restart(id);
    }

    /// What a node knows of the cluster before it hears of it.
    fn founders(&self, id: NodeId) -> Arc<Configuration> {
        match self.configuration.contains(id) {
            true => self.configuration.clone(),
            false => Arc::default(),
        }
    }

    /// Starts a node anew, perhaps with leases on or off from now on.
    pub(crate) fn restart_with(&mut self, id: NodeId, leases: Option<bool>) {
        if let Some(are_on) = leases {
            self.set_lease(id, are_on);
        }
        self.restart(id);
    }

    fn set_lease(&mut self, id: NodeId, is_on: bool) {
        let node = self.nodes.get_mut(&id).expect("a member");
        node.options.lease = is_on.then(|| Lease::new(ELECTION_TICKS_MIN, TICK_US, 0));
    }

    pub(crate) fn restart(&mut self, id: NodeId) {
        let node = self.nodes.get_mut(&id).expect("a member");
        node.options.seed += 100;
        node.seen = Some(Seen::of(node.host.start(node.options.clone())));
    }

    /// The node dies after its oldest `durable` writes reached the disk, perhaps also after a snapshot was put in
    /// place, and before it did anything more.
    pub(crate) fn crash(&mut self, id: NodeId, durable: usize, installed: bool) {
        let node = self.nodes.get_mut(&id).expect("a member");
        node.host.crash(durable, installed);
        node.seen = None;
    }

    /// What the node has applied is durable, now and from now on; or not any more.
    pub(crate) fn sync(&mut self, id: NodeId, synced: bool) {
        self.nodes.get_mut(&id).expect("a member").unsynced = !synced;
        self.with(id, |_| ());
    }

    /// Each node's clock runs with its ticks.
    pub(crate) fn tick(&mut self, id: NodeId) {
        self.nodes.get_mut(&id).expect("a member").now_us += TICK_US;
        self.with(id, Raft::tick);
    }

    /// Ticks a node until it stands for election.
    pub(crate) fn campaign(&mut self, id: NodeId) {
        for _ in 0..=ELECTION_TICKS_MAX {
            let before = self.raft(id).map(|raft| (raft.term(), raft.role()));
            self.tick(id);
            let after = self.raft(id).map(|raft| (raft.term(), raft.role()));
            if before != after {
                return;
            }
        }
        self.tell(format!("n{id} does not campaign"));
    }

    pub(crate) fn propose(&mut self, id: NodeId, commands: &[String]) {
        let commands: Vec<Arc<[u8]>> = commands.iter().map(|command| command.as_bytes().into()).collect();
        if let Some(Err(error)) = self.with(id, |raft| raft.propose(commands)) {
            self.refused(id, error);
        }
    }

    pub(crate) fn transfer(&mut self, id: NodeId, target: NodeId) {
        if let Some(Err(error)) = self.with(id, |raft| raft.transfer(target)) {
            self.refused(id, error);
        }
    }

    pub(crate) fn change(&mut self, id: NodeId, members: Members) {
        let why = match self.with(id, |raft| raft.change_members(members)) {
            None | Some(Ok(_)) => return,
            Some(Err(ChangeError::NotLeader { leader })) => {
                return self.refused(id, ProposeError::NotLeader { leader });
            }
            Some(Err(ChangeError::Transferring)) => return self.refused(id, ProposeError::Transferring),
            Some(Err(ChangeError::TooEarly)) => "it is too early".to_owned(),
            Some(Err(ChangeError::UnderWay)) => "a change is under way".to_owned(),
            Some(Err(ChangeError::Invalid)) => "these members make no cluster".to_owned(),
            Some(Err(ChangeError::Gone(gone))) => format!("n{gone} was a member once"),
            Some(Err(ChangeError::Unhealthy(silent))) => format!("no majority without {silent:?}, silent"),
        };
        self.tell(format!("n{id} refuses: {why}"));
    }

    fn refused(&mut self, id: NodeId, error: ProposeError) {
        let why = match error {
            ProposeError::NotLeader { leader: Some(leader) } => format!("n{leader} leads"),
            ProposeError::NotLeader { leader: None } => "no leader known".to_owned(),
            ProposeError::Transferring => "handing over".to_owned(),
        };
        self.tell(format!("n{id} refuses: {why}"));
    }

    pub(crate) fn read(&mut self, id: NodeId) {
        match self.input(id, Raft::read) {
            Some(Some(read)) => {
                let number = self.reads.len() + 1;
                self.reads.insert((id, read), number);
                self.tell(format!("n{id} read {number} asked"));
            }
            Some(None) => self.tell(format!("n{id} refuses: no leader known")),
            None => {}
        }
        self.carry_out(id);
    }

    /// Makes a node's oldest write durable. False: there is none.
    pub(crate) fn persist(&mut self, id: NodeId) -> bool {
        let Some(node) = self.nodes.get_mut(&id) else { return false };
        let stored = node.host.disk().oldest_write().and_then(show::write);
        let Some(written) = node.host.finish_write() else { return false };
        if let Some(stored) = stored {
            self.tell(format!("n{id} stored {stored}"));
        }
        for promise in written.promises {
            self.send(promise);
        }
        self.with(id, |raft| raft.persisted(written.ticket));
        true
    }

    /// Lets a node campaign and everybody vote; what the winner sends then is still under way.
    pub(crate) fn elect(&mut self, id: NodeId) {
        self.campaign(id);
        self.stabilize_only(|message| show::kind(&message.body).contains("Vote"));
    }

    pub(crate) fn stabilize(&mut self) {
        self.stabilize_only(|_| true);
    }

    /// Delivers what is chosen until nothing moves any more: every disk but stalled ones, every link but held ones.
    fn stabilize_only(&mut self, chosen: impl Fn(&Message) -> bool) {
        for _ in 0..ROUNDS_MAX {
            let mut moved = false;
            for id in self.nodes.keys().copied().collect::<Vec<_>>() {
                while !self.nodes[&id].stalled && (self.persist(id) || self.install(id)) {
                    moved = true;
                }
            }
            let flowing = |cluster: &Self, message: &Message| {
                chosen(message) && !cluster.held.contains(&(message.from, message.to))
            };
            moved |= self.deliver(flowing) > 0;
            if !self.streams_held {
                moved |= self.end_streams(true);
            }
            if !moved {
                return;
            }
        }
        panic!("the cluster does not come to rest");
    }

    /// Delivers the messages under way that are chosen, oldest first. Returns their number.
    pub(crate) fn deliver(&mut self, chosen: impl Fn(&Self, &Message) -> bool) -> usize {
        let (now, later) =
            mem::take(&mut self.network).into_iter().partition(|message| chosen(self, message));
        self.network = later;
        let now: Vec<Message> = now;
        let count = now.len();
        for message in now {
            self.with(message.to, |raft| raft.step(message));
        }
        count
    }

    /// Loses the messages under way that are chosen.
    pub(crate) fn lose(&mut self, chosen: impl Fn(&Message) -> bool) {
        let (lost, kept) = mem::take(&mut self.network).into_iter().partition(|message| chosen(message));
        self.network = kept;
        let lost: Vec<Message> = lost;
        for message in lost {
            self.tell(format!("n{} ✗ n{} {}", message.from, message.to, show::message(&message)));
        }
    }

    /// Copies the messages under way that are chosen, for [`Cluster::replay`].
    pub(crate) fn copy(&mut self, chosen: impl Fn(&Message) -> bool) {
        self.copies.extend(self.network.iter().filter(|message| chosen(message)).cloned());
    }

    /// Something arrives that nobody of the cluster said.
    pub(crate) fn forge(&mut self, at: NodeId, message: Message) {
        self.tell(format!("n{} ⇢ n{at} {}", message.from, show::message(&message)));
        self.with(at, |raft| raft.step(message));
    }

    /// The copies arrive.
    pub(crate) fn replay(&mut self) {
        for message in mem::take(&mut self.copies) {
            self.tell(format!("n{} ⇢ n{} {}", message.from, message.to, show::message(&message)));
            self.with(message.to, |raft| raft.step(message));
        }
    }

    pub(crate) fn cut(&mut self, links: impl IntoIterator<Item = Link>) {
        self.cut.extend(links);
    }

    pub(crate) fn hold(&mut self, links: impl IntoIterator<Item = Link>) {
        self.held.extend(links);
    }

    pub(crate) fn heal(&mut self) {
        self.cut.clear();
        self.held.clear();
    }

    pub(crate) fn tell_network(&mut self) {
        let under_way =
            |message: &Message| format!("n{} → n{} {}", message.from, message.to, show::message(message));
        let lines: Vec<String> = self.network.iter().map(under_way).collect();
        self.told.extend(lines);
    }

    pub(crate) fn tell_count(&mut self) {
        let mut counts = BTreeMap::new();
        for message in &self.network {
            *counts.entry((message.from, message.to, show::kind(&message.body))).or_insert(0) += 1;
        }
        let line = |((from, to, kind), count)| format!("n{from} → n{to} {kind} {count}");
        self.told.extend(counts.into_iter().map(line));
    }

    pub(crate) fn tell_status(&mut self) {
        let lines: Vec<String> =
            self.nodes.iter().map(|(id, node)| format!("n{id} {}", node.status())).collect();
        self.told.extend(lines);
    }

    pub(crate) fn tell_log(&mut self, id: NodeId) {
        let node = &self.nodes[&id];
        let (base, log) = match node.host.core() {
            Some(raft) => {
                let indexes = raft.compacted().index + 1..=raft.last().index;
                (raft.compacted(), indexes.filter_map(|index| raft.entry(index).cloned()).collect())
            }
            None => (node.host.disk().compacted(), node.host.disk().log().to_vec()),
        };
        let after = if base.index > 0 { format!(" after {base}") } else { String::new() };
        self.tell(format!("n{id} log{after} {}", show::entries(&log)));
    }

    pub(crate) fn tell_members(&mut self, id: NodeId) {
        let members = self.raft(id).map_or("down".to_owned(), |raft| raft.configuration().to_string());
        let of_cluster = match self.raft(id).map(Raft::origin) {
            None | Some(Origin { cluster: 0, .. }) => String::new(),
            Some(Origin { cluster, is_certain: true, .. }) => format!(" of cluster {cluster}"),
            Some(Origin { cluster, is_certain: false, .. }) => {
                format!(" of cluster {cluster}, not committed")
            }
        };
        let records = self.raft(id).map(|raft| raft.configuration().incarnations.clone()).unwrap_or_default();
        let recorded = if records.is_empty() { String::new() } else { format!(", recorded {records:?}") };
        self.tell(format!("n{id} {members}{of_cluster}{recorded}"));
    }

    pub(crate) fn raft(&self, id: NodeId) -> Option<&Raft> {
        self.nodes.get(&id)?.host.core()
    }

    /// Gives a node an input, unless it is down.
    fn input<T>(&mut self, id: NodeId, input: impl FnOnce(&mut Raft) -> T) -> Option<T> {
        let node = self.nodes.get_mut(&id)?;
        let now_us = node.now_us;
        node.host.input(|raft| {
            raft.set_time(now_us);
            input(raft)
        })
    }

    /// And carries out what follows.
    pub(crate) fn with<T>(&mut self, id: NodeId, input: impl FnOnce(&mut Raft) -> T) -> Option<T> {
        let output = self.input(id, input)?;
        self.carry_out(id);
        Some(output)
    }

    fn carry_out(&mut self, id: NodeId) {
        let Some(effects) = self.nodes.get_mut(&id).and_then(|node| node.host.effects()) else { return };
        self.tell_effects(id, &effects);
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let output = node.host.carry_out(effects);
        if !node.unsynced {
            node.host.sync();
        }
        for message in output.messages {
            self.send(message);
        }
        for stream in output.streams {
            self.tell(format!("n{id} streams its state to n{}, stream {}", stream.to, stream.id));
            self.streams.push(stream);
        }
        for cancelled in output.cancelled {
            self.cancel_stream(id, cancelled);
        }
    }

    fn tell_effects(&mut self, id: NodeId, effects: &Effects) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let Some(raft) = node.host.core() else { return };
        let now = Seen::of(raft);
        let before = node.seen.replace(now.clone()).expect("seen since it started");
        now.tell_changes(id, &before, &mut self.told);
        if let Some(stored) = effects.persist.as_ref().and_then(show::write) {
            self.told.push(format!("n{id} writes {stored}"));
        }
        for Refused { from, why, .. } in &effects.refused {
            self.told.push(format!("n{id} refuses what n{from} says: {why}"));
        }
        for (peer, why) in &effects.rejected {
            self.told.push(format!("n{id} hears that n{peer} did not take its snapshot: {why:?}"));
        }
        for entry in &effects.committed {
            self.told.push(format!("n{id} applies {}", show::entry(entry)));
        }
        for read in &effects.reads {
            let number = self.reads[&(id, read.id)];
            self.told.push(format!("n{id} read {number} allowed at {}", read.index));
        }
        for &read in &effects.reads_failed {
            let number = self.reads[&(id, read)];
            self.told.push(format!("n{id} read {number} failed"));
        }
        if let Some(snapshot) = &effects.install {
            self.told.push(format!("n{id} has all of snapshot {}", snapshot.last));
        }
    }

    /// Puts a snapshot that has arrived in the state machine's place. False: there is none.
    pub(crate) fn install(&mut self, id: NodeId) -> bool {
        let Some(node) = self.nodes.get_mut(&id) else { return false };
        if node.receives_damaged && node.host.installing().is_some() {
            node.host.fail_install(InstallFailure::Damaged);
            self.carry_out(id);
            return true;
        }
        let Some(snapshot) = node.host.install() else { return false };
        self.tell(format!("n{id} stands at {}", snapshot.last));
        self.carry_out(id);
        true
    }

    /// The snapshot that was to be put in place is not staged any more.
    pub(crate) fn unstage(&mut self, id: NodeId) {
        self.nodes.get_mut(&id).expect("a member").host.fail_install(InstallFailure::NotStaged);
        self.carry_out(id);
    }

    fn send(&mut self, message: Message) {
        let lost = self.cut.contains(&(message.from, message.to));
        let arrow = if lost { '✗' } else { '→' };
        self.tell(format!("n{} {arrow} n{} {}", message.from, message.to, show::message(&message)));
        if !lost {
            self.network.push(message);
        }
    }
}

impl Node {
    fn new(options: Options, host: Host) -> Self {
        Self {
            options,
            host,
            stalled: false,
            unsynced: false,
            receives_damaged: false,
            seen: None,
            now_us: 0,
        }
    }

    fn status(&self) -> String {
        let Some(raft) = self.host.core() else { return "down".to_owned() };
        let durable = match raft.durable() == raft.last().index {
            true => String::new(),
            false => format!(" durable={}", raft.durable()),
        };
        format!(
            "{} term={} last={} commit={} applied={}{durable}",
            raft.role(),
            raft.term(),
            raft.last(),
            raft.commit(),
            self.host.state().applied().last.index
        )
    }
}

impl Seen {
    fn of(raft: &Raft) -> Self {
        Self {
            role: raft.role(),
            vote: raft.vote(),
            leader: raft.leader(),
            commit: raft.commit(),
            may_stop: raft.may_stop(),
        }
    }

    fn tell_changes(&self, id: NodeId, before: &Self, told: &mut Vec<String>) {
        if self.vote.term != before.vote.term {
            told.push(format!("n{id} enters term {}", self.vote.term));
        }
        if self.role != before.role {
            told.push(format!("n{id} {} → {}", before.role, self.role));
        }
        if let (RoleName::Follower, Some(leader)) = (self.role, self.leader)
            && (self.leader != before.leader || self.vote.term != before.vote.term)
        {
            told.push(format!("n{id} follows n{leader}"));
        }
        if let (true, Some(candidate)) = (self.vote != before.vote, self.vote.candidate) {
            told.push(format!("n{id} votes for n{candidate}"));
        }
        if self.commit != before.commit {
            told.push(format!("n{id} commits {}", self.commit));
        }
        if self.may_stop && !before.may_stop {
            told.push(format!("n{id} may stop"));
        }
    }
}

/// Every direction between members of different groups.
pub(crate) fn links_between(groups: &[Vec<NodeId>]) -> Vec<Link> {
    let group_of = |id: NodeId| groups.iter().position(|group| group.contains(&id));
    let all: Vec<NodeId> = groups.iter().flatten().copied().collect();
    let pairs = all.iter().flat_map(|&from| all.iter().map(move |&to| (from, to)));
    pairs.filter(|&(from, to)| group_of(from) != group_of(to)).collect()
}
