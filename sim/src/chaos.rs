//! Faults strike and heal: one function for each way.

use madsim::{net::NetSim, task::NodeId};

use crate::{
    scenario::{Fault, Kind},
    trace::{What, describe},
    world::World,
};

/// The faults of a run, and which of them hold at present. Links are cut once for each fault that cuts them, so that
/// healing one fault leaves another's cut in place.
#[derive(Default)]
pub(crate) struct Chaos {
    cuts: Vec<(usize, NodeId, NodeId)>,
    paused: Vec<(usize, u64)>,
}

impl Chaos {
    /// A fault strikes.
    pub(crate) fn strike(&mut self, world: &mut World, number: usize, fault: &Fault) {
        world.oracle.note(What::Fault(describe(&fault.kind)));
        match &fault.kind {
            Kind::Crash { node } => world.crash_node(*node),
            Kind::PowerLoss { node } => world.power_loss(*node),
            Kind::PowerLossInSync { node, nth } => world.arm_power_loss(*node, *nth),
            Kind::Blackout => world.known_nodes().into_iter().for_each(|id| world.power_loss(id)),
            Kind::Pause { node } => {
                self.paused.push((number, *node));
                world.pause(*node);
            }
            Kind::Partition { side, proxies } => self.part(world, number, side, proxies),
            Kind::IsolatedLeader { proxies } => {
                let leader = world.oracle.leader();
                self.part(world, number, leader.as_slice(), proxies);
            }
            Kind::CutOneWay { from, to } => self.cut(number, world.machine(*from), world.machine(*to)),
            Kind::Deaf { node, inbound } => {
                for other in world.machines_beyond(&[*node], &[]) {
                    let own = world.machine(*node);
                    let (from, to) = if *inbound { (other, own) } else { (own, other) };
                    self.cut(number, from, to);
                }
            }
            Kind::SlowNetwork { latency_us } => world.set_latency(*latency_us),
            Kind::SlowDisk { node, disk_us } => world.set_disk_time(*node, *disk_us),
            Kind::Stop { node } => world.stop_node(*node),
            Kind::Transfer { to } => world.transfer(*to),
            Kind::Replace { node, new } => {
                world.start_node(*new);
                world.change_members(vec![world.member(*new, false)], vec![*node]);
            }
            Kind::Join { new, learner } => {
                world.start_node(*new);
                world.change_members(vec![world.member(*new, *learner)], vec![]);
            }
            Kind::Leave { node } => world.change_members(vec![], vec![*node]),
            Kind::ProxyCrash { proxy } => world.crash_proxy(*proxy),
            Kind::ClientCrash { client } => world.crash_client(*client),
        }
    }

    /// A fault heals.
    pub(crate) fn heal(&mut self, world: &mut World, number: usize, fault: &Fault) {
        world.oracle.note(What::Healed(describe(&fault.kind)));
        match &fault.kind {
            Kind::Crash { node } | Kind::PowerLoss { node } | Kind::PowerLossInSync { node, .. } => {
                world.bring_up(*node)
            }
            Kind::Stop { node } => {
                world.crash_if_stopping(*node);
                world.bring_up(*node);
            }
            Kind::Blackout => world.known_nodes().into_iter().for_each(|id| world.bring_up(id)),
            Kind::Pause { node } => {
                self.paused.retain(|(owner, _)| *owner != number);
                if self.paused.iter().all(|(_, paused)| paused != node) {
                    world.resume(*node);
                }
            }
            Kind::Partition { .. }
            | Kind::IsolatedLeader { .. }
            | Kind::CutOneWay { .. }
            | Kind::Deaf { .. } => self.mend(number),
            Kind::SlowNetwork { .. } => world.set_latency(world.scenario.latency_us),
            Kind::SlowDisk { node, .. } => world.set_disk_time(*node, world.scenario.disk_us),
            Kind::ProxyCrash { proxy } if !world.proxy_is_running(*proxy) => world.start_proxy(*proxy),
            Kind::ClientCrash { client } if !world.client_is_running(*client) => world.start_client(*client),
            Kind::Transfer { .. }
            | Kind::Replace { .. }
            | Kind::Join { .. }
            | Kind::Leave { .. }
            | Kind::ProxyCrash { .. }
            | Kind::ClientCrash { .. } => {}
        }
    }

    /// Parts the nodes and proxies of one side from all others.
    fn part(&mut self, world: &World, owner: usize, nodes: &[u64], proxies: &[u64]) {
        let beyond = world.machines_beyond(nodes, proxies);
        for near in world.machines_of(nodes, proxies) {
            for &far in &beyond {
                self.cut(owner, near, far);
                self.cut(owner, far, near);
            }
        }
    }

    fn cut(&mut self, owner: usize, from: NodeId, to: NodeId) {
        self.cuts.push((owner, from, to));
        NetSim::current().clog_link(from, to);
    }

    fn mend(&mut self, owner: usize) {
        let (own, others): (Vec<_>, Vec<_>) = self.cuts.drain(..).partition(|(by, ..)| *by == owner);
        self.cuts = others;
        for (_, from, to) in own {
            if self.cuts.iter().all(|&(_, by_from, by_to)| (by_from, by_to) != (from, to)) {
                NetSim::current().unclog_link(from, to);
            }
        }
    }
}
