//! A node's machine dies in the middle of a sync of its disk. If the sync comes after the fault has healed, the machine
//! comes up again at once.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::{
    trace::Condition,
    world::{Death, Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerLossInSync {
    pub node: Target,
    /// Which sync from now on; 0 is the next.
    pub nth: u64,
}

impl Inject for PowerLossInSync {
    const NAME: &'static str = "power-loss-in-sync";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_target(draw), nth: draw.below(4) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(node) = self.node.machine(world) else { return Healing::missed() };
        world.machines.machine(node).arm(Death::PowerLoss, self.nth);
        world.hold([Condition::DownOnceItDies(node)])
    }
}

impl fmt::Display for PowerLossInSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "power loss of {} in its sync number {} from now", self.node, self.nth)
    }
}
