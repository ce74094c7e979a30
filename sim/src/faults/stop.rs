//! A node is told to stop, and hands leadership over before it does; or a proxy, and answers its calls. It is started again when the
//! fault heals.

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
pub struct Stop {
    #[serde(alias = "node")]
    pub machine: Aim,
}

impl Inject for Stop {
    const NAME: &'static str = "stop";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { machine: roster.any_machine(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_aim("machine", self.machine)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(machine) = self.machine.machine(world) else { return Healing::missed() };
        world.machines.tell_to_stop(machine);
        world.hold([Condition::Down(machine)])
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stop of {}", self.machine)
    }
}
