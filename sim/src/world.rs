//! The simulated world: every node, proxy and client is a machine with an address of its own, running the very code
//! that production runs.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use conclave::{
    client::{Client, Options},
    env::{Clock, Environment, Nobody},
    node::{self, Timing},
    proxy,
    wire::pb::v1::{ChangeMembersRequest, NewMember},
};
use madsim::{
    net::NetSim,
    runtime::{Handle, NodeHandle},
    task::{JoinHandle, NodeId},
};
use tokio::sync::oneshot;

use crate::{
    client,
    disk::{DiskTiming, SimDisk},
    draw::Draw,
    history::History,
    operator,
    oracle::Oracle,
    scenario::{Range, Retention, Scenario},
    trace::What,
};

const CLUSTER: &str = "sim";
const NODE_PORT: u16 = 7000;
const PROXY_PORT: u16 = 2379;
/// How long a proxy tries for a client that sets no deadline of its own.
const PROXY_PATIENCE: Duration = Duration::from_secs(5);
/// What nodes that read by lease believe of their clocks.
const CLOCK_DRIFT_PERCENT: u32 = 10;
/// Simulated time begins here, on every run: a round number of the year 2026.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// The machines of a run, and the powers over them.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) oracle: Oracle,
    pub(crate) history: History,
    nodes: BTreeMap<u64, Machine>,
    proxies: Vec<Machine>,
    /// The nodes that each proxy was told of when it was started.
    proxies_told: Vec<Vec<String>>,
    clients: Vec<Machine>,
    /// Where the run's own questions come from.
    spare: NodeHandle,
    stop_clients: tokio::sync::watch::Sender<bool>,
    /// The operators' changes of members, as long as they last.
    changes: Vec<JoinHandle<Result<(), String>>>,
}

/// One machine. Its disk, if it has one, outlives its process.
struct Machine {
    handle: NodeHandle,
    disk: Option<SimDisk>,
    /// Counts the process's starts: each has randomness of its own.
    starts: u64,
    process: Option<JoinHandle<()>>,
    /// Tells the process to stop.
    stop: Option<oneshot::Sender<()>>,
}

impl World {
    /// Builds the machines; nothing runs yet.
    pub(crate) fn new(scenario: Scenario, oracle: Oracle) -> Self {
        let runtime = Handle::current();
        let machine = |name: String, address: SocketAddr, disk: Option<SimDisk>| Machine {
            handle: runtime.create_node().name(name).ip(address.ip()).build(),
            disk,
            starts: 0,
            process: None,
            stop: None,
        };
        let timing = disk_timing(scenario.disk_us);
        let nodes = scenario.founders().chain(scenario.newcomers()).map(|id| {
            let disk = SimDisk::new(scenario.seed, id, timing.clone());
            (id, machine(format!("node-{id}"), node_address(id), Some(disk)))
        });
        let nodes = nodes.collect();
        let proxies =
            (0..scenario.proxies).map(|n| machine(format!("proxy-{n}"), proxy_address(n), None)).collect();
        let clients =
            (0..scenario.clients).map(|n| machine(format!("client-{n}"), client_address(n), None)).collect();
        let spare = runtime.create_node().name("run").ip([10, 0, 3, 1].into()).build();
        let (stop_clients, _) = tokio::sync::watch::channel(false);
        let proxies_told = vec![Vec::new(); scenario.proxies as usize];
        Self {
            scenario,
            oracle,
            history: History::default(),
            nodes,
            proxies_told,
            proxies,
            clients,
            spare,
            stop_clients,
            changes: Vec::new(),
        }
    }

    /// Starts everything.
    pub(crate) fn start(&mut self) {
        for id in self.scenario.founders() {
            self.start_node(id);
        }
        for number in 0..self.scenario.proxies {
            self.start_proxy(number);
        }
        for number in 0..self.scenario.clients {
            self.start_client(number);
        }
    }

    /// Starts a node's process, as after a crash: with what its disk holds, and nothing else.
    pub(crate) fn start_node(&mut self, id: u64) {
        let config = self.node_config(id);
        let oracle = self.oracle.clone();
        let machine = self.nodes.get_mut(&id).expect("the scenario names existing nodes");
        machine.starts += 1;
        let environment_seed = Draw::new(self.scenario.seed, "node", id * 1000 + machine.starts).number();
        let disk = machine.disk.clone().expect("a node has a disk");
        let (stop_tx, stop_rx) = oneshot::channel();
        machine.stop = Some(stop_tx);
        machine.process = Some(machine.handle.spawn(async move {
            let environment =
                Environment { clock: clock(), seed: environment_seed, observer: Arc::new(oracle.clone()) };
            let stopped = async {
                if stop_rx.await.is_err() {
                    std::future::pending().await
                }
            };
            match node::run(config, environment, Arc::new(disk), stopped).await {
                Ok(()) => oracle.note(What::Ended { node: id }),
                Err(error) => oracle.note(What::Stopped { node: id, why: error.to_string() }),
            }
        }));
    }

    /// Starts a node that was started before and is down, unless it left the cluster for good. One that an armed power
    /// loss has not struck yet is not down.
    pub(crate) fn bring_up(&mut self, id: u64) {
        let machine = &self.nodes[&id];
        if machine.starts > 0 && !machine.is_running() && !self.oracle.configuration().gone.contains(&id) {
            self.start_node(id);
        }
    }

    /// A node's process is told to stop.
    pub(crate) fn stop_node(&mut self, id: u64) {
        let machine = self.nodes.get_mut(&id).expect("the scenario names existing nodes");
        if let Some(stop) = machine.stop.take() {
            let _ = stop.send(());
        }
    }

    /// A node that was told to stop and still has not is killed, as an operating system does in the end.
    pub(crate) fn crash_if_stopping(&mut self, id: u64) {
        let machine = &self.nodes[&id];
        if machine.is_running() && machine.stop.is_none() {
            self.crash_node(id);
        }
    }

    /// The nodes that were started, and did not leave the cluster for good.
    pub(crate) fn known_nodes(&self) -> Vec<u64> {
        let gone = self.oracle.configuration().gone.clone();
        let known = |&(id, machine): &(&u64, &Machine)| machine.starts > 0 && !gone.contains(id);
        self.nodes.iter().filter(known).map(|(&id, _)| id).collect()
    }

    /// A node, as an operator names it who adds it.
    pub(crate) fn member(&self, id: u64, learner: bool) -> NewMember {
        NewMember { id, address: node_address(id).to_string(), learner }
    }

    /// An operator asks for other members, until that is done.
    pub(crate) fn change_members(&mut self, add: Vec<NewMember>, remove: Vec<u64>) {
        let request = ChangeMembersRequest { add, remove, ..ChangeMembersRequest::default() };
        let (operator, oracle) = (self.operator(), self.oracle.clone());
        self.changes.push(self.spare.spawn(operator::change_members(operator, oracle, request)));
    }

    /// An operator asks for another leader.
    pub(crate) fn transfer(&self, to: u64) {
        self.spare.spawn(operator::transfer(self.operator(), to));
    }

    /// Waits for the operators.
    pub(crate) async fn finish_changes(&mut self) -> Result<(), String> {
        for change in std::mem::take(&mut self.changes) {
            change.await.expect("the spare machine is never killed")?;
        }
        Ok(())
    }

    fn operator(&self) -> Client {
        let endpoints: Vec<String> =
            (0..self.scenario.proxies).map(|proxy| self.proxy_endpoint(proxy)).collect();
        let options = Options { timeout: operator::PATIENCE };
        Client::new(&endpoints, options, clock()).expect("simulated addresses are well formed")
    }

    /// What an operator tells a proxy that starts: the members of the time.
    fn nodes_to_start_with(&self) -> Vec<String> {
        let members: Vec<u64> = self.oracle.configuration().members().collect();
        match members.is_empty() {
            true => self.founders().into_values().collect(),
            false => members.into_iter().map(|id| node_address(id).to_string()).collect(),
        }
    }

    fn founders(&self) -> BTreeMap<u64, String> {
        self.scenario.founders().map(|id| (id, node_address(id).to_string())).collect()
    }

    fn node_config(&self, id: u64) -> node::Config {
        let is_founder = self.scenario.founders().any(|founder| founder == id);
        let Retention { sync_entries, log_entries, piece_bytes } = self.scenario.retention;
        node::Config {
            cluster: CLUSTER.to_owned(),
            id,
            listen: node_address(id),
            peers: if is_founder { self.founders() } else { BTreeMap::new() },
            priority: self.scenario.priorities.get(id as usize - 1).copied().unwrap_or(0),
            timing: Timing {
                heartbeat: Duration::from_millis(self.scenario.heartbeat_ms),
                election_timeout: Duration::from_millis(self.scenario.election_timeout_ms),
            },
            lease_drift_percent: self.scenario.lease_reads.then_some(CLOCK_DRIFT_PERCENT),
            retention: node::Retention {
                sync_entries: sync_entries as usize,
                log_entries_max: log_entries as usize,
                snapshot_piece_bytes: piece_bytes as usize,
                ..node::Retention::default()
            },
        }
    }

    /// Starts a proxy's process.
    pub(crate) fn start_proxy(&mut self, number: u64) {
        let config = proxy::Config {
            cluster: CLUSTER.to_owned(),
            listen: proxy_address(number),
            nodes: self.nodes_to_start_with(),
            patience: PROXY_PATIENCE,
        };
        self.proxies_told[number as usize] = config.nodes.clone();
        let oracle = self.oracle.clone();
        let machine = &mut self.proxies[number as usize];
        machine.starts += 1;
        let seed = Draw::new(self.scenario.seed, "proxy", number * 1000 + machine.starts).number();
        machine.process = Some(machine.handle.spawn(async move {
            let environment = Environment { clock: clock(), seed, observer: Arc::new(Nobody) };
            if let Err(error) = proxy::run(config, environment, std::future::pending()).await {
                oracle.violate(format!("proxy {number} stopped: {error}"));
            }
        }));
    }

    /// A proxy that was cut off while all nodes that it was told of were replaced knows nobody any more. An operator
    /// starts it again.
    pub(crate) fn redirect_proxy(&mut self, number: u64) {
        let present = self.nodes_to_start_with();
        if self.proxies_told[number as usize].iter().all(|told| !present.contains(told)) {
            self.crash_proxy(number);
            self.start_proxy(number);
        }
    }

    /// Starts a client's process.
    pub(crate) fn start_client(&mut self, number: u64) {
        let machine = &mut self.clients[number as usize];
        machine.starts += 1;
        let client = client::Client {
            number: number + 1000 * (machine.starts - 1),
            endpoints: (0..self.scenario.proxies)
                .map(|offset| proxy_address((number + offset) % self.scenario.proxies).to_string())
                .collect(),
            workload: self.scenario.workload.clone(),
            seed: self.scenario.seed,
            history: self.history.clone(),
            oracle: self.oracle.clone(),
            stop: self.stop_clients.subscribe(),
        };
        machine.process = Some(machine.handle.spawn(client.run()));
    }

    /// A node's process dies. What it wrote and did not sync survives: the operating system has it.
    pub(crate) fn crash_node(&mut self, id: u64) {
        let machine = self.nodes.get_mut(&id).expect("the scenario names existing nodes");
        if machine.starts > 0 {
            machine.disk.as_ref().expect("a node has a disk").crash();
            machine.kill();
        }
    }

    /// A node's machine loses power: unsynced writes are lost, kept or torn.
    pub(crate) fn power_loss(&mut self, id: u64) {
        let machine = self.nodes.get_mut(&id).expect("the scenario names existing nodes");
        if machine.starts > 0 {
            let mut draw = Draw::new(self.scenario.seed, "power-loss", id * 1000 + machine.starts);
            machine.disk.as_ref().expect("a node has a disk").power_loss(|| draw.number());
            machine.kill();
        }
    }

    /// The n-th next sync of a node's disk will be cut short by a power loss.
    pub(crate) fn arm_power_loss(&mut self, id: u64, nth: u64) {
        let machine = &self.nodes[&id];
        let seed = Draw::new(self.scenario.seed, "power-loss-in-sync", id * 1000 + machine.starts).number();
        machine.disk.as_ref().expect("a node has a disk").arm_power_loss_in_sync(nth, seed);
    }

    /// The nodes whose disks lost power in the middle of a sync, and whose processes must die with them.
    pub(crate) fn tripped(&self) -> Vec<u64> {
        let tripped = |machine: &Machine| machine.disk.as_ref().is_some_and(SimDisk::tripped);
        self.nodes
            .iter()
            .filter(|(_, machine)| machine.is_running() && tripped(machine))
            .map(|(&id, _)| id)
            .collect()
    }

    /// Nodes whose process ended although nobody told it to stop, and they are members. The others that ended are down
    /// from now on.
    pub(crate) fn ended_unasked(&mut self) -> Vec<u64> {
        let gone = self.oracle.configuration().gone.clone();
        let mut unasked = Vec::new();
        for (&id, machine) in &mut self.nodes {
            if machine.process.as_ref().is_some_and(JoinHandle::is_finished) {
                if machine.stop.is_some() && !gone.contains(&id) {
                    unasked.push(id);
                }
                machine.kill();
            }
        }
        unasked
    }

    /// Nodes that were members once, as they know, and whose process is still there. One that knows none of the members
    /// of today can ask nobody, once those that left with it have stopped.
    pub(crate) fn running_though_removed(&self) -> Vec<u64> {
        let today = self.oracle.configuration();
        let running = |id: u64| self.nodes.get(&id).is_some_and(Machine::is_running);
        let can_ask = |id: u64| self.oracle.configuration_of(id).members().any(|other| today.contains(other));
        let is_late = |&id: &u64| running(id) && self.oracle.applied(id) > 0 && can_ask(id);
        today.gone.iter().copied().filter(is_late).collect()
    }

    /// Kills a proxy's process.
    pub(crate) fn crash_proxy(&mut self, number: u64) {
        self.proxies[number as usize].kill();
    }

    /// Whether a proxy's process is there.
    pub(crate) fn proxy_is_running(&self, number: u64) -> bool {
        self.proxies[number as usize].is_running()
    }

    /// Ends a client as Ctrl+C does: at once, in mid-work.
    pub(crate) fn crash_client(&mut self, number: u64) {
        self.clients[number as usize].kill();
    }

    /// Whether a client's process is there.
    pub(crate) fn client_is_running(&self, number: u64) -> bool {
        self.clients[number as usize].is_running()
    }

    /// Asks clients to finish what they are at, and waits for them.
    pub(crate) async fn finish_clients(&mut self) {
        self.stop_clients.send_replace(true);
        for client in &mut self.clients {
            if let Some(process) = client.process.take() {
                let _ = process.await;
            }
        }
    }

    /// No power loss is due any more.
    pub(crate) fn disarm(&self, id: u64) {
        self.nodes[&id].disk.as_ref().expect("a node has a disk").disarm();
    }

    /// Where a proxy is reached.
    pub(crate) fn proxy_endpoint(&self, number: u64) -> String {
        proxy_address(number).to_string()
    }

    /// Lets something be done from a machine that no fault strikes.
    pub(crate) async fn on_spare_machine<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        self.spare.spawn(work).await.expect("the spare machine is never killed")
    }

    /// A node stands still.
    pub(crate) fn pause(&self, id: u64) {
        Handle::current().pause(self.machine(id));
    }

    /// A node goes on.
    pub(crate) fn resume(&self, id: u64) {
        Handle::current().resume(self.machine(id));
    }

    /// The simulator's name of a node's machine.
    pub(crate) fn machine(&self, id: u64) -> NodeId {
        self.nodes[&id].handle.id()
    }

    /// The machines of some nodes and proxies.
    pub(crate) fn machines_of(&self, nodes: &[u64], proxies: &[u64]) -> Vec<NodeId> {
        self.machines(|node| nodes.contains(&node), |proxy| proxies.contains(&proxy))
    }

    /// The machines of all nodes and proxies but these.
    pub(crate) fn machines_beyond(&self, nodes: &[u64], proxies: &[u64]) -> Vec<NodeId> {
        self.machines(|node| !nodes.contains(&node), |proxy| !proxies.contains(&proxy))
    }

    fn machines(&self, node: impl Fn(u64) -> bool, proxy: impl Fn(u64) -> bool) -> Vec<NodeId> {
        let nodes = self.nodes.iter().filter(|&(&id, _)| node(id)).map(|(_, machine)| machine);
        let proxies =
            (0..).zip(&self.proxies).filter(|&(number, _)| proxy(number)).map(|(_, machine)| machine);
        nodes.chain(proxies).map(|machine| machine.handle.id()).collect()
    }

    /// Sets the time that a node's disk takes for a job from now on.
    pub(crate) fn set_disk_time(&self, id: u64, disk_us: Range) {
        self.nodes[&id].disk.as_ref().expect("a node has a disk").set_timing(disk_timing(disk_us));
    }

    /// Sets the latency of every message from now on.
    pub(crate) fn set_latency(&self, latency_us: Range) {
        NetSim::current().update_config(|config| config.send_latency = latency(latency_us));
    }
}

impl Machine {
    fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Kills the process and frees its sockets; the machine can be started again.
    fn kill(&mut self) {
        (self.process, self.stop) = (None, None);
        let (runtime, id) = (Handle::current(), self.handle.id());
        runtime.kill(id);
        runtime.restart(id);
        // A handle belongs to one life of its machine.
        self.handle = runtime.get_node(id).expect("a machine is never removed");
    }
}

/// Nanoseconds of simulated time since the run began.
pub(crate) fn now_ns() -> u64 {
    madsim::time::TimeHandle::current().elapsed().as_nanos() as u64
}

/// The latency as the simulated network takes it.
pub(crate) fn latency(range: Range) -> std::ops::Range<Duration> {
    Duration::from_micros(range.low)..Duration::from_micros(range.high + 1)
}

pub(crate) fn clock() -> Clock {
    Clock::new(EPOCH + Duration::from_nanos(now_ns()))
}

fn disk_timing(range: Range) -> DiskTiming {
    let span = Duration::from_micros(range.low)..Duration::from_micros(range.high + 1);
    DiskTiming { before: span.clone(), after: span }
}

fn node_address(id: u64) -> SocketAddr {
    ([10, 0, 0, id as u8], NODE_PORT).into()
}

fn proxy_address(number: u64) -> SocketAddr {
    ([10, 0, 1, number as u8 + 1], PROXY_PORT).into()
}

fn client_address(number: u64) -> SocketAddr {
    ([10, 0, 2, number as u8 + 1], 1).into()
}
