//! A machine stands still with its clock, as a virtual machine that is suspended, and goes on later as if no time had passed. (A
//! pause lets the clock go on.) Nodes that read by lease are told that clocks run: nothing happens to those.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Aim};
use crate::{
    trace::Condition,
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    #[serde(alias = "node")]
    pub machine: Aim,
}

impl Inject for Suspend {
    const NAME: &'static str = "suspend";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { machine: roster.any_machine(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_aim("machine", self.machine)
    }

    fn strike(&self, world: &mut World) -> Healing {
        if !world.shape.leases_are_off() {
            return Healing::missed();
        }
        let Some(machine) = self.machine.machine(world) else { return Healing::missed() };
        world.hold([Condition::Suspended(machine)])
    }
}

impl fmt::Display for Suspend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is suspended with its clock", self.machine)
    }
}
