//! How each fault is carried out: what is done at once, and what holds until it heals.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use anyhow::Result;

use crate::{
    cluster::{Cluster, Monitor},
    condition::{Condition, cuts_around, cuts_between, one_way},
    fault::{Fault, Range, Target},
    shape::{Machine, Shape},
};

/// What was struck, in numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// kill -9 of the node that led.
    pub(crate) leader_kills: u64,
    /// kill -9 of any node.
    pub(crate) node_kills: u64,
    /// Machines that run were separated.
    pub(crate) partitions: u64,
    /// Commands that handed leadership over, or failed to.
    pub(crate) transfers: Arc<AtomicU64>,
    pub(crate) failed_transfers: Arc<AtomicU64>,
}

/// Where faults strike.
pub(crate) struct Field<'a> {
    pub(crate) cluster: &'a mut Cluster,
    pub(crate) monitor: &'a Monitor,
    pub(crate) tally: &'a mut Tally,
}

impl Field<'_> {
    /// Strikes. Returns whom it was aimed at, and what holds until it heals.
    pub(crate) fn strike(&mut self, fault: &Fault) -> Result<(Option<Machine>, Vec<Condition>)> {
        if fault.is_partition() {
            self.tally.partitions += 1;
        }
        match fault {
            Fault::Transfer { to } => self.transfer(*to)?,
            Fault::SlowNetwork { latency_us: Range { low, high } } => {
                // A message crosses the lines of two machines.
                return Ok((None, vec![Condition::SlowNetwork((low / 2, high / 2))]));
            }
            Fault::CrashAll {} => {
                self.tally.leader_kills += u64::from(self.leader().is_some());
                self.tally.node_kills += self.cluster.shape.node_count();
                let nodes: Vec<Machine> = self.cluster.shape.nodes().collect();
                nodes.iter().for_each(|&node| self.cluster.kill(node));
                return Ok((None, nodes.into_iter().map(Condition::Down).collect()));
            }
            Fault::ProxyCrash { proxy } => {
                let proxy = Machine::Proxy(*proxy);
                self.cluster.kill(proxy);
                return Ok((None, vec![Condition::Down(proxy)]));
            }
            Fault::Partition { .. }
            | Fault::IsolatedLeader { .. }
            | Fault::CutOneWay { .. }
            | Fault::Bridge { .. } => {
                let leader = self.leader();
                return Ok((leader, cuts(fault, leader, &self.cluster.shape)));
            }
            _ => return self.strike_node(fault),
        }
        Ok((None, Vec::new()))
    }

    /// One node is struck, if there is one.
    fn strike_node(&mut self, fault: &Fault) -> Result<(Option<Machine>, Vec<Condition>)> {
        let target = match fault {
            Fault::Crash { node } | Fault::Pause { node } | Fault::Stop { node } => node,
            Fault::OneWayIsolation { node, .. } | Fault::SlowDisk { node, .. } => node,
            Fault::ClockSkew { node, .. } | Fault::Loss { node, .. } => node,
            Fault::DiskFull { node } | Fault::FailingSync { node } => node,
            _ => unreachable!("it strikes no single node"),
        };
        let Some(machine) = self.resolve(*target) else { return Ok((None, Vec::new())) };
        let held = match fault {
            Fault::Crash { .. } => {
                self.kill(machine);
                vec![Condition::Down(machine)]
            }
            Fault::Stop { .. } => {
                self.cluster.tell_to_stop(machine);
                vec![Condition::Down(machine)]
            }
            // It is down for no longer than it takes to start it.
            Fault::ClockSkew { ms, .. } => {
                self.kill(machine);
                vec![Condition::ClockAhead { machine, ms: *ms }]
            }
            Fault::Pause { .. } => vec![Condition::Paused(machine)],
            Fault::OneWayIsolation { inbound, .. } => {
                let others = self.cluster.shape.servers().filter(|&other| other != machine);
                let cut = |other| if *inbound { one_way(other, machine) } else { one_way(machine, other) };
                others.map(cut).collect()
            }
            Fault::SlowDisk { disk_us, .. } => vec![Condition::SlowDisk { machine, us: disk_us.high }],
            Fault::Loss { per_mille, .. } => vec![Condition::Loss { machine, per_mille: *per_mille }],
            Fault::DiskFull { .. } => vec![Condition::FullDisk(machine)],
            _ => vec![Condition::FailingSync(machine)],
        };
        Ok((Some(machine), held))
    }

    fn kill(&mut self, node: Machine) {
        self.tally.node_kills += 1;
        self.tally.leader_kills += u64::from(self.leader() == Some(node));
        self.cluster.kill(node);
    }

    /// Nobody waits for it: it may take seconds, or fail.
    fn transfer(&self, to: u64) -> Result<()> {
        let mut command = self.cluster.command(&format!("transfer --to {to}"));
        let Tally { transfers, failed_transfers, .. } = self.tally.clone();
        thread::Builder::new().name("transfer".to_owned()).spawn(move || {
            let done = command.output().is_ok_and(|output| output.status.success());
            if done { transfers } else { failed_transfers }.fetch_add(1, Ordering::Relaxed)
        })?;
        Ok(())
    }

    fn resolve(&self, target: Target) -> Option<Machine> {
        match target {
            Target::Node(id) => Some(Machine::Node(id)),
            Target::Word(_) => self.leader(),
        }
    }

    fn leader(&self) -> Option<Machine> {
        self.monitor.sight().leader().map(Machine::Node)
    }
}

fn cuts(fault: &Fault, leader: Option<Machine>, shape: &Shape) -> Vec<Condition> {
    let nodes = |ids: &[u64]| -> Vec<Machine> { ids.iter().map(|&id| Machine::Node(id)).collect() };
    let proxies = |numbers: &[u64]| numbers.iter().map(|&number| Machine::Proxy(number)).collect::<Vec<_>>();
    match fault {
        Fault::Partition { side, proxies: beside } => {
            cuts_around(&[nodes(side), proxies(beside)].concat(), shape)
        }
        Fault::IsolatedLeader { proxies: beside } => {
            cuts_around(&[leader.as_slice(), &proxies(beside)].concat(), shape)
        }
        Fault::CutOneWay { from, to } => vec![one_way(Machine::Node(*from), Machine::Node(*to))],
        Fault::Bridge { sides: [left, right] } => cuts_between(&nodes(left), &nodes(right)),
        _ => Vec::new(),
    }
}
