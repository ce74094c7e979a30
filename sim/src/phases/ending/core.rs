//! Who belongs to the core, and what is healed.

use std::collections::BTreeSet;

use conclave_checks::{FaultBudget, without_quorum};

use super::super::chaos::Lasting;
use crate::{
    scenario::Outside,
    trace::{Condition, Event, MachineId},
    world::{Healing, World, cuts},
};

/// The machines that are healed. The voters among them are a quorum of those in force.
pub(super) struct Core {
    machines: BTreeSet<MachineId>,
}

impl Core {
    /// All machines but those that are left outside. `None`: a change of members is under way, or something was lost that an
    /// operator has yet to replace: no quorum that is chosen now is sure to remain one; or a member is out of space, and nobody is to
    /// be served before an operator has made room.
    pub(super) fn choose(world: &World, outsiders: &[(MachineId, Outside)]) -> Option<Self> {
        let is_calm = FaultBudget::of(&world.oracle).is_whole()
            && !world.operators.are_changing_members()
            && !world.operators.are_making_room()
            && world.has_true_addresses();
        if !is_calm {
            return None;
        }
        let configuration = world.oracle.configuration();
        let nodes = configuration.members().map(MachineId::Node);
        let proxies = (0..world.shape.proxies).map(MachineId::Proxy);
        let clients = (0..world.shape.clients).map(MachineId::Client);
        let mut machines: BTreeSet<MachineId> =
            nodes.chain(proxies).chain(clients).chain([MachineId::Console]).collect();
        for (machine, _) in outsiders {
            let is_needed = matches!(machine, MachineId::Node(_))
                && without_quorum(&configuration, |id| {
                    MachineId::Node(id) != *machine && machines.contains(&MachineId::Node(id))
                })
                .is_some();
            if !is_needed {
                machines.remove(machine);
            }
        }
        Some(Self { machines })
    }

    pub(super) fn contains(&self, machine: MachineId) -> bool {
        self.machines.contains(&machine)
    }

    pub(super) fn nodes(&self) -> Vec<u64> {
        let node = |machine: &MachineId| if let MachineId::Node(id) = *machine { Some(id) } else { None };
        self.machines.iter().filter_map(node).collect()
    }

    pub(super) fn clients(&self) -> Vec<u64> {
        let client =
            |machine: &MachineId| if let MachineId::Client(number) = *machine { Some(number) } else { None };
        self.machines.iter().filter_map(client).collect()
    }

    pub(super) fn proxies(&self) -> Vec<u64> {
        let proxy =
            |machine: &MachineId| if let MachineId::Proxy(number) = *machine { Some(number) } else { None };
        self.machines.iter().filter_map(proxy).collect()
    }

    /// Ends whatever keeps the machines of the core from working together. Returns what stays, with what the ending adds.
    pub(super) fn heal(
        &self,
        world: &mut World,
        outsiders: &[(MachineId, Outside)],
        lasting: Lasting,
    ) -> Lasting {
        let mut staying = lasting.heal_where(world, |condition| condition.concerns(|id| self.contains(id)));
        for &(machine, fate) in outsiders.iter().filter(|(machine, _)| !self.contains(*machine)) {
            let healing = self.leave_outside(world, machine, fate);
            staying.add(healing);
        }
        for machine in self.machines.iter().filter(|machine| **machine != MachineId::Console) {
            world.machines.bring_up(*machine);
        }
        let machines = self.machines.iter().copied().collect();
        world.recorder.record(Event::Healed { machines, stays: staying.conditions() });
        staying
    }

    fn leave_outside(&self, world: &mut World, machine: MachineId, fate: Outside) -> Healing {
        if let MachineId::Node(id) = machine
            && !world.known_nodes().contains(&id)
        {
            return Healing::nothing();
        }
        let lines = world.network.lines_around_strictly(&[machine]);
        let to_core =
            |(from, to): &(MachineId, MachineId)| self.contains(if *from == machine { *to } else { *from });
        let lines: Vec<(MachineId, MachineId)> = lines.into_iter().filter(to_core).collect();
        let inbound = lines.iter().copied().filter(|(_, to)| *to == machine);
        let outbound = lines.iter().copied().filter(|(from, _)| *from == machine);
        let conditions = match fate {
            Outside::AsItIs => Vec::new(),
            Outside::Down => {
                world.machines.crash(machine);
                vec![Condition::Down(machine)]
            }
            Outside::WithoutPower => {
                world.machines.lose_power(machine);
                vec![Condition::Down(machine)]
            }
            Outside::Paused => vec![Condition::Paused(machine)],
            Outside::StalledDisk => vec![Condition::StalledDisk(machine)],
            Outside::CutOff => cuts(lines),
            Outside::HearsNobody => cuts(inbound),
            Outside::IsNotHeard => cuts(outbound),
            Outside::Flapping(rhythm) => {
                lines.into_iter().map(|(from, to)| Condition::Flapping { from, to, rhythm }).collect()
            }
            Outside::SlowLinks { bytes_per_s } => vec![Condition::SlowLink { machine, bytes_per_s }],
        };
        world.hold(conditions)
    }
}
