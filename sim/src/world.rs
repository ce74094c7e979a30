//! The simulated world: every node, proxy and client is a machine with an address of its own, running the very code
//! that production runs.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use conclave::{
    clock::Clock,
    node::{self, Environment, Timing},
    proxy,
};
use madsim::{
    net::NetSim,
    runtime::{Handle, NodeHandle},
    task::{JoinHandle, NodeId},
};

use crate::{
    client,
    disk::{DiskTiming, SimDisk},
    draw::Draw,
    history::History,
    oracle::Oracle,
    scenario::{Range, Scenario},
    trace::What,
};

const CLUSTER: &str = "sim";
const NODE_PORT: u16 = 7000;
const PROXY_PORT: u16 = 2379;
/// How long a proxy tries for a client that sets no deadline of its own.
const PROXY_PATIENCE: Duration = Duration::from_secs(5);
/// Simulated time begins here, on every run: a round number of the year 2026.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// The machines of a run, and the powers over them.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) oracle: Oracle,
    pub(crate) history: History,
    nodes: BTreeMap<u64, Machine>,
    proxies: Vec<Machine>,
    clients: Vec<Machine>,
    /// Where the run's own questions come from.
    spare: NodeHandle,
    stop_clients: tokio::sync::watch::Sender<bool>,
}

/// One machine. Its disk, if it has one, outlives its process.
struct Machine {
    handle: NodeHandle,
    disk: Option<SimDisk>,
    /// Counts the process's starts: each has randomness of its own.
    starts: u64,
    process: Option<JoinHandle<()>>,
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
        };
        let timing = disk_timing(scenario.disk_us);
        let nodes = scenario.node_ids().map(|id| {
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
        Self { scenario, oracle, history: History::default(), nodes, proxies, clients, spare, stop_clients }
    }

    /// Starts everything.
    pub(crate) fn start(&mut self) {
        for id in self.scenario.node_ids() {
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
        machine.process = Some(machine.handle.spawn(async move {
            let environment = Environment {
                disk: Arc::new(disk),
                clock: clock(),
                seed: environment_seed,
                observer: Arc::new(oracle.clone()),
            };
            let ended = node::run(config, environment, std::future::pending()).await;
            let why = ended.map_or_else(|error| error.to_string(), |()| "without a reason".to_owned());
            oracle.note(What::Stopped { node: id, why });
        }));
    }

    fn node_config(&self, id: u64) -> node::Config {
        node::Config {
            cluster: CLUSTER.to_owned(),
            id,
            listen: node_address(id),
            peers: self.scenario.node_ids().map(|id| (id, node_address(id).to_string())).collect(),
            priority: self.scenario.priorities[id as usize - 1],
            timing: Timing {
                heartbeat: Duration::from_millis(self.scenario.heartbeat_ms),
                election_timeout: Duration::from_millis(self.scenario.election_timeout_ms),
            },
        }
    }

    /// Starts a proxy's process.
    pub(crate) fn start_proxy(&mut self, number: u64) {
        let config = proxy::Config {
            cluster: CLUSTER.to_owned(),
            listen: proxy_address(number),
            nodes: self.scenario.node_ids().map(|id| node_address(id).to_string()).collect(),
            patience: PROXY_PATIENCE,
        };
        let oracle = self.oracle.clone();
        let machine = &mut self.proxies[number as usize];
        machine.process = Some(machine.handle.spawn(async move {
            if let Err(error) = proxy::run(config, clock(), std::future::pending()).await {
                oracle.violate(format!("proxy {number} stopped: {error}"));
            }
        }));
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
        machine.disk.as_ref().expect("a node has a disk").crash();
        machine.kill();
    }

    /// A node's machine loses power: unsynced writes are lost, kept or torn.
    pub(crate) fn power_loss(&mut self, id: u64) {
        let machine = self.nodes.get_mut(&id).expect("the scenario names existing nodes");
        let mut draw = Draw::new(self.scenario.seed, "power-loss", id * 1000 + machine.starts);
        machine.disk.as_ref().expect("a node has a disk").power_loss(|| draw.number());
        machine.kill();
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

    /// Nodes whose process ended by itself: a node must never do that unless its disk failed.
    pub(crate) fn stopped(&self) -> Vec<u64> {
        let ended = |machine: &Machine| machine.process.as_ref().is_some_and(JoinHandle::is_finished);
        self.nodes.iter().filter(|(_, machine)| ended(machine)).map(|(&id, _)| id).collect()
    }

    /// Whether a node's process is there.
    pub(crate) fn is_running(&self, id: u64) -> bool {
        self.nodes[&id].is_running()
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
        self.process = None;
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

fn clock() -> Clock {
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
