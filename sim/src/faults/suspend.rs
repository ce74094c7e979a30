//! A node's machine stands still with its clock, as a virtual machine that is suspended, and goes on later as if no time had passed. (A
//! pause lets the clock go on.) Nodes that read by lease are told that clocks run: nothing happens to those.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::{
    trace::Condition,
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    pub node: Target,
}

impl Inject for Suspend {
    const NAME: &'static str = "suspend";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_target(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn strike(&self, world: &mut World) -> Healing {
        if !world.shape.leases_are_off() {
            return Healing::nothing();
        }
        let Some(node) = self.node.machine(world) else { return Healing::nothing() };
        world.hold([Condition::Suspended(node)])
    }
}

impl fmt::Display for Suspend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is suspended with its clock", self.node)
    }
}
