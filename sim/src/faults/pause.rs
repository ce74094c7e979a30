//! A node or a proxy stands still, and goes on later as if nothing had been.

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
pub struct Pause {
    #[serde(alias = "node")]
    pub machine: Aim,
}

impl Inject for Pause {
    const NAME: &'static str = "pause";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { machine: roster.any_machine(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_aim("machine", self.machine)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(machine) = self.machine.machine(world) else { return Healing::missed() };
        world.hold([Condition::Paused(machine)])
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pause of {}", self.machine)
    }
}
