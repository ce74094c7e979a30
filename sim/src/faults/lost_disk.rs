//! A node's data directory is emptied, and the node comes back under its old id. An operator puts a new one in its place.

use std::fmt;

use conclave_checks::{FaultBudget, draw::Draw};
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster};
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostDisk {
    /// Who loses its data. Nothing happens to a node that cannot be spared at the time.
    pub node: u64,
    /// Who takes its place: an id that no other fault brings.
    pub new: u64,
}

impl Inject for LostDisk {
    const NAME: &'static str = "lost-disk";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_node(draw), new: roster.next_newcomer }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_node("node", self.node)
    }

    fn newcomer(&self) -> Option<u64> {
        Some(self.new)
    }

    fn strike(&self, world: &mut World) -> Healing {
        // Two nodes of three with empty disks found a cluster of their own.
        if world.shape.beyond || world.has_foreign_node() || !world.give_up(self.node, self.new) {
            return Healing::nothing();
        }
        let node = MachineId::Node(self.node);
        world.machines.crash(node);
        world.machines.machine(node).disk.wipe();
        FaultBudget::of(&world.oracle).disk_lost(self.node);
        world.hold([Condition::Down(node)])
    }
}

impl fmt::Display for LostDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} loses its disk, and node {} replaces it", self.node, self.new)
    }
}
