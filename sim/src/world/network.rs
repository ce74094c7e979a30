//! The network between machines: links that are cut, messages and bytes that take their time.

use std::{collections::BTreeMap, time::Duration};

use conclave::{rpc::Lines, wire::pb};
use madsim::{net::NetSim, task::NodeId};

use super::addresses;
use crate::trace::{Condition, MachineId, Range};

/// The links between machines.
pub(crate) struct Network {
    /// The simulator's names of the machines.
    ids: BTreeMap<MachineId, NodeId>,
}

impl Network {
    pub(super) fn new(ids: BTreeMap<MachineId, NodeId>, bandwidth_bytes_per_s: Option<u64>) -> Self {
        let lines = Lines::current();
        let machines = ids.iter().map(|(&machine, &id)| (id, addresses::ip(machine))).collect();
        lines.lay(machines, pb::encoded_len);
        lines.set_bandwidth(bandwidth_bytes_per_s);
        Self { ids }
    }

    /// The machines of all nodes and proxies, those of nodes that are still to come among them.
    pub(crate) fn servers(&self) -> impl Iterator<Item = MachineId> {
        let is_server = |id: &MachineId| matches!(id, MachineId::Node(_) | MachineId::Proxy(_));
        self.ids.keys().copied().filter(is_server)
    }

    /// The cuts that part these machines from all other nodes and proxies.
    pub(crate) fn cuts_around(&self, side: &[MachineId]) -> Vec<Condition> {
        let beyond: Vec<MachineId> = self.servers().filter(|id| !side.contains(id)).collect();
        let ways = side.iter().flat_map(|&near| beyond.iter().map(move |&far| (near, far)));
        ways.flat_map(|(near, far)| [(near, far), (far, near)])
            .map(|(from, to)| Condition::Cut { from, to })
            .collect()
    }

    pub(super) fn set_cut(&self, from: MachineId, to: MachineId, is_cut: bool) {
        let (from, to) = (self.ids[&from], self.ids[&to]);
        match is_cut {
            true => NetSim::current().clog_link(from, to),
            false => NetSim::current().unclog_link(from, to),
        }
    }

    /// The lines from and to a machine have no more than this; `None`: as much as all others.
    pub(super) fn narrow(&self, machine: MachineId, bytes_per_s: Option<u64>) {
        Lines::current().narrow(addresses::ip(machine), bytes_per_s);
    }

    pub(super) fn set_latency(&self, latency_us: Range) {
        NetSim::current().update_config(|config| config.send_latency = latency(latency_us));
    }
}

/// The latency as the simulated network takes it.
pub(crate) fn latency(latency_us: Range) -> std::ops::Range<Duration> {
    Duration::from_micros(latency_us.low)..Duration::from_micros(latency_us.high + 1)
}
