//! What runs on machines: the production entry points of nodes, proxies and clients, and what they are told.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use conclave::{
    env::{Environment, Health, Observer},
    node::{self, AutoCompaction, NodeError, ReadLimits, Timing},
    proxy,
    rpc::{Security, ServerLimits},
};
use conclave_checks::{FaultBudget, Oracle, Overhearer};
use tokio::sync::oneshot;

use super::{
    addresses,
    machine::Machine,
    moments::Moments,
    observer::{ForeignObserver, OracleObserver, ProxyObserver, Routings},
    shape::{Retention, Shape},
};
use crate::{
    trace::{CLIENT_LIVES, Event, MachineEvent, MachineId, Recorder},
    workload::{Client, Workload},
};

const CLUSTER: &str = "sim";
/// How long a proxy tries for a client that sets no deadline of its own.
const PROXY_PATIENCE: Duration = Duration::from_secs(5);

/// Starts processes.
pub(super) struct Programs {
    shape: Arc<Shape>,
    workload: Workload,
    recorder: Recorder,
    oracle: Oracle,
    moments: Moments,
    /// The nodes that each proxy was told of when it was last started.
    proxies_told: BTreeMap<u64, Vec<u64>>,
    /// How their calls stand.
    pub(super) routings: Routings,
    clients_finish: Arc<AtomicBool>,
    /// The nodes that said last, when they ended, that their disk is the reason.
    stopped_for_disk: Arc<Mutex<BTreeSet<MachineId>>>,
}

impl Programs {
    pub(super) fn new(
        shape: Arc<Shape>,
        workload: Workload,
        recorder: Recorder,
        oracle: Oracle,
        moments: Moments,
    ) -> Self {
        let (proxies_told, clients_finish) = (BTreeMap::new(), Arc::default());
        let (routings, stopped_for_disk) = (Routings::default(), Arc::default());
        Self {
            shape,
            workload,
            recorder,
            oracle,
            moments,
            proxies_told,
            routings,
            clients_finish,
            stopped_for_disk,
        }
    }

    pub(super) fn tell(&self, machine: MachineId, event: MachineEvent) {
        self.recorder.record(Event::Machine { machine, event });
    }

    /// Starts what runs on this machine.
    pub(super) fn start(&mut self, machine: &mut Machine) {
        match machine.id {
            MachineId::Node(id) => self.start_node(machine, id),
            MachineId::Proxy(number) => self.start_proxy(machine, number),
            MachineId::Client(number) => self.start_client(machine, number),
            MachineId::Console => {}
        }
    }

    fn start_node(&self, machine: &mut Machine, id: u64) {
        self.oracle.begins(id);
        let config = self.node_config(id, machine.starts);
        let observer = OracleObserver::new(&self.oracle, &self.moments, &self.recorder);
        let environment = self.environment(machine, "node", Arc::new(observer));
        let disk = Arc::new(machine.disk.clone());
        let (id, ended, stopped_for_disk) =
            (machine.id, self.on_end(machine.id), self.stopped_for_disk.clone());
        locked(&stopped_for_disk).remove(&id);
        machine.run(|stop| async move {
            let result = node::run(config, environment, disk, told(stop)).await;
            if let Err(NodeError::Storage(_)) = &result {
                locked(&stopped_for_disk).insert(id);
            }
            ended(result);
        });
    }

    /// A node of another cluster, which has the same name and no other node. Nobody judges it.
    pub(super) fn start_foreign_node(&self, machine: &mut Machine) {
        let MachineId::Node(id) = machine.id else { return };
        machine.starts += 1;
        let peers = BTreeMap::from([(id, addresses::node_endpoint(id))]);
        let config = node::Config { peers, ..self.node_config(id, machine.starts) };
        let environment = self.environment(
            machine,
            "foreign node",
            Arc::new(ForeignObserver(Overhearer::new(&self.oracle))),
        );
        let disk = Arc::new(machine.foreign_disk.clone());
        machine.run(|stop| async move { drop(node::run(config, environment, disk, told(stop)).await) });
    }

    fn start_proxy(&mut self, machine: &mut Machine, number: u64) {
        let voters = self.voters_of_today();
        let config = proxy::Config {
            cluster: CLUSTER.to_owned(),
            cluster_id: None,
            listen: addresses::proxy(number),
            nodes: voters.iter().map(|&id| addresses::node_endpoint(id)).collect(),
            patience: PROXY_PATIENCE,
            answers_bytes_max: self.shape.answers.held_bytes as usize,
            security: Security::default(),
            server_limits: ServerLimits::default(),
        };
        self.proxies_told.insert(number, voters);
        self.routings.forget(number);
        let observer = ProxyObserver { number, routings: self.routings.clone() };
        let environment = self.environment(machine, "proxy", Arc::new(observer));
        let ended = self.on_end(machine.id);
        machine.run(|stop| async move { ended(proxy::run(config, environment, told(stop)).await) });
    }

    fn start_client(&self, machine: &mut Machine, number: u64) {
        let proxies = self.workload.proxies_of(number, self.shape.proxies);
        let client = Client {
            number: number + CLIENT_LIVES * (machine.starts - 1),
            endpoints: proxies.map(addresses::proxy_endpoint).collect(),
            workload: self.workload.clone(),
            seed: self.shape.seed,
            clock: machine.clock.clone(),
            recorder: self.recorder.clone(),
            finish: self.clients_finish.clone(),
        };
        machine.run(|_| client.run());
    }

    fn environment(&self, machine: &Machine, domain: &str, observer: Arc<dyn Observer>) -> Environment {
        let seed = machine.draw(domain).number();
        Environment { clock: machine.clock.clone(), seed, observer, health: Health::default() }
    }

    /// Records how a process ended.
    fn on_end<E: std::fmt::Display>(&self, machine: MachineId) -> impl FnOnce(Result<(), E>) + use<E> {
        let recorder = self.recorder.clone();
        move |result| {
            let event = match result {
                Ok(()) => MachineEvent::Ended,
                Err(error) => MachineEvent::Failed { error: error.to_string() },
            };
            recorder.record(Event::Machine { machine, event });
        }
    }

    fn node_config(&self, id: u64, start: u64) -> node::Config {
        let shape = &self.shape;
        let Retention { sync_entries, log_entries, piece_bytes, pruned_events } = shape.retention;
        let answers = shape.answers;
        node::Config {
            cluster: CLUSTER.to_owned(),
            id,
            listen: addresses::node(id),
            peers: self.founders_as_told(id),
            peers_override: false,
            priority: shape.priorities.get(id as usize - 1).copied().unwrap_or(0),
            timing: Timing {
                heartbeat: Duration::from_millis(shape.heartbeat_ms),
                election_timeout: Duration::from_millis(shape.election_timeout_ms),
            },
            reads: ReadLimits {
                short_records: answers.short_records as usize,
                slice_records: answers.slice_records as usize,
                piece_bytes: answers.piece_bytes as usize,
            },
            upkeep: node::Upkeep {
                auto_compaction: shape.kept_revisions.map(|kept| AutoCompaction::Revisions(kept.into())),
                ..node::Upkeep::default()
            },
            lease_drift_percent: shape.reads_by_lease(id, start).then_some(shape.stated_drift_percent),
            security: Security::default(),
            server_limits: ServerLimits::default(),
            retention: node::Retention {
                sync_entries: sync_entries as usize,
                log_entries_max: log_entries as usize,
                snapshot_piece_bytes: piece_bytes as usize,
                pruned_events: pruned_events as usize,
                ..node::Retention::default()
            },
        }
    }

    /// Where the founders are, as an operator tells one of them; nothing to who is none.
    fn founders_as_told(&self, id: u64) -> BTreeMap<u64, String> {
        let mut founders: BTreeMap<u64, String> =
            self.shape.founders().map(|id| (id, addresses::node_endpoint(id))).collect();
        if !founders.contains_key(&id) {
            return BTreeMap::new();
        }
        if self.shape.swapped_peers == Some(id) {
            let others: Vec<u64> = founders.keys().copied().filter(|other| *other != id).take(2).collect();
            for (told, true_id) in others.iter().zip(others.iter().rev()) {
                founders.insert(*told, addresses::node_endpoint(*true_id));
            }
        }
        founders
    }

    /// What an operator tells a proxy that starts: the voters, of which most are there whenever the cluster is.
    fn voters_of_today(&self) -> Vec<u64> {
        let configuration = self.oracle.configuration();
        self.or_founders(configuration.members().filter(|id| configuration.is_voter(*id)))
    }

    /// These, or the founders, as long as there is no cluster.
    fn or_founders(&self, nodes: impl Iterator<Item = u64>) -> Vec<u64> {
        let nodes: Vec<u64> = nodes.collect();
        if nodes.is_empty() { self.shape.founders().collect() } else { nodes }
    }

    /// Whether most of the nodes that a proxy was told of are members today, have not lost their disks, and can be reached; or it
    /// was told of all voters there are.
    pub(super) fn proxy_knows_the_members(&self, number: u64, is_reached: impl Fn(u64) -> bool) -> bool {
        let is_told_of_all = self.proxies_told.get(&number) == Some(&self.voters_of_today());
        is_told_of_all || self.proxy_knows_most(number, is_reached)
    }

    /// Whether most of the nodes that a proxy was told of are members today, have not lost their disks, and can be reached.
    pub(super) fn proxy_knows_most(&self, number: u64, is_reached: impl Fn(u64) -> bool) -> bool {
        let members = self.or_founders(self.oracle.configuration().members());
        let told = self.proxies_told.get(&number).map_or(&[][..], Vec::as_slice);
        let budget = FaultBudget::of(&self.oracle);
        let speaks = |id: &&u64| members.contains(id) && !budget.has_lost_disk(**id) && is_reached(**id);
        2 * told.iter().filter(speaks).count() > told.len()
    }

    /// Whether a proxy was told of this node and of no other, or would be if it started now. Should another cluster use that
    /// address, it would take it for its own: nothing tells it which one was meant.
    pub(super) fn is_all_that_a_proxy_knows(&self, node: u64) -> bool {
        let is_all = |told: &[u64]| matches!(told, [only] if *only == node);
        is_all(&self.voters_of_today()) || self.proxies_told.values().any(|told| is_all(told))
    }

    /// Whether this is a node that left the cluster for good.
    pub(super) fn has_left(&self, machine: MachineId) -> bool {
        matches!(machine, MachineId::Node(id) if self.oracle.configuration().gone.contains(&id))
    }

    /// Whether a node that ended said that its disk is the reason.
    pub(super) fn names_disk(&self, machine: MachineId) -> bool {
        locked(&self.stopped_for_disk).contains(&machine)
    }

    /// Clients do no more than finish what they are at, from now on.
    pub(super) fn finish_clients(&self) {
        self.clients_finish.store(true, Ordering::Relaxed);
    }
}

fn locked(machines: &Mutex<BTreeSet<MachineId>>) -> MutexGuard<'_, BTreeSet<MachineId>> {
    machines.lock().expect("nobody panics with it")
}

/// Completes when a process is told to stop; never when nobody is left to tell it.
async fn told(stop: oneshot::Receiver<()>) {
    if stop.await.is_err() {
        pending().await
    }
}
