//! A node's data directory is emptied, and the node comes back under its old id. An operator puts a new one in its place, as soon
//! as he notices.

use std::{fmt, time::Duration};

use conclave_checks::{FaultBudget, draw::Draw};
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, World},
};

/// By then the node may long be back, and take part in everything that it is let.
const NOTICED_MS_DRAWN: u64 = 6_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostDisk {
    /// Who loses its data. Nothing happens to a node that cannot be spared at the time.
    pub node: Target,
    /// Who takes its place: an id that no other fault brings.
    pub new: u64,
    /// After how long an operator notices; earlier if the faults are over.
    #[serde(default)]
    pub noticed_ms: u64,
}

impl Inject for LostDisk {
    const NAME: &'static str = "lost-disk";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let node = roster.any_target(draw);
        let noticed_ms = if draw.chance(50) { 0 } else { draw.below(NOTICED_MS_DRAWN) };
        Self { node, new: roster.next_newcomer, noticed_ms }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn newcomer(&self) -> Option<u64> {
        Some(self.new)
    }

    fn strike(&self, world: &mut World) -> Healing {
        // Two nodes of three with empty disks found a cluster of their own.
        let is_no_time = world.shape.beyond || world.has_foreign_node();
        let noticed = Duration::from_millis(self.noticed_ms);
        let Some(node) = self.node.resolve(world).filter(|_| !is_no_time) else { return Healing::missed() };
        if !world.give_up(node, self.new, noticed) {
            return Healing::missed();
        }
        let machine = MachineId::Node(node);
        world.machines.crash(machine);
        world.machines.machine(machine).disk.wipe();
        FaultBudget::of(&world.oracle).disk_lost(node);
        world.hold([Condition::Down(machine)])
    }
}

impl fmt::Display for LostDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} loses its disk, and node {} replaces it", self.node, self.new)?;
        match self.noticed_ms {
            0 => Ok(()),
            late => write!(f, " when that is noticed, {late} ms later"),
        }
    }
}
