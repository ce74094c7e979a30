//! Bits turn over on a node's disk, while it runs or before it comes up again. It may notice at once, late or never, but what it
//! answers must be right. An operator puts a new node in its place.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, World},
};

/// More tell nothing new.
const FLIPS_MAX: u64 = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rot {
    /// Whose disk it is. Nothing happens to a node that cannot be spared at the time.
    pub node: Target,
    /// So many bits.
    pub flips: u64,
    /// The node dies of something else at the same time, and comes up with what the disk holds then.
    #[serde(default)]
    pub restarts: bool,
    /// Who takes its place: an id that no other fault brings.
    pub new: u64,
}

impl Rot {
    pub(super) fn drawn(draw: &mut Draw, node: Target, new: u64) -> Self {
        Self { node, flips: *draw.pick(&[5, 100, FLIPS_MAX]), restarts: draw.chance(70), new }
    }
}

impl Inject for Rot {
    const NAME: &'static str = "rot";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let node = roster.any_node(draw);
        Self::drawn(draw, node, roster.next_newcomer)
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)?;
        match self.flips <= FLIPS_MAX {
            true => Ok(()),
            false => Err(format!("flips: {} are too many: at most {FLIPS_MAX} are allowed", self.flips)),
        }
    }

    fn newcomer(&self) -> Option<u64> {
        Some(self.new)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(id) = self.node.resolve(world) else { return Healing::missed() };
        let node = MachineId::Node(id);
        // A power loss may take the number of the log's last commit. If that commit rots too, it cannot be told from a torn one.
        if world.machines.machine(node).has_lost_power || !world.give_up_damaged(id, self.new) {
            return Healing::missed();
        }
        if !self.restarts {
            world.machines.machine(node).damage_disk(self.flips);
            return Healing::nothing();
        }
        world.machines.crash(node);
        world.machines.machine(node).damage_disk(self.flips);
        world.hold([Condition::Down(node)])
    }
}

impl fmt::Display for Rot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bits turn over on the disk of {}, and node {} replaces it",
            self.flips, self.node, self.new
        )
    }
}
