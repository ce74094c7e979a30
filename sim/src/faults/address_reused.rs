//! A node's machine is down, and its address goes to a node of another cluster of the same name.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressReused {
    pub node: Target,
}

impl Inject for AddressReused {
    const NAME: &'static str = "address-reused";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_target(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    /// Nothing happens to a node that nobody could tell from the foreign one, which would take its place: it is not on record
    /// yet, or all that a proxy was told of. The foreign node leads its own cluster, which has no other: at once, and at a higher
    /// term each time.
    fn strike(&self, world: &mut World) -> Healing {
        let Some(id) = self.node.resolve(world).filter(|&id| world.can_be_impersonated(id)) else {
            return Healing::missed();
        };
        let node = MachineId::Node(id);
        world.machines.crash(node);
        world.hold([Condition::Down(node), Condition::Foreign(node)])
    }
}

impl fmt::Display for AddressReused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "another cluster at the address of {}", self.node)
    }
}
