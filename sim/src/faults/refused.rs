//! A firewall refuses what is sent to a machine, or what it sends: connections break at once, and new ones are refused. (A cut,
//! by contrast, is silent: whoever connects waits in vain.)

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Aim};
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    pub machine: Aim,
    /// What others send to it. Otherwise: what it sends.
    pub inbound: bool,
}

impl Inject for Refused {
    const NAME: &'static str = "refused";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { machine: roster.any_server(draw), inbound: draw.chance(50) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_aim("machine", self.machine)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(machine) = self.machine.machine(world) else { return Healing::missed() };
        let lines = world.network.lines_around_strictly(&[machine]);
        let refused =
            |(from, to): &(MachineId, MachineId)| (if self.inbound { to } else { from }) == &machine;
        let lines: Vec<_> = lines.into_iter().filter(refused).collect();
        world.hold(lines.into_iter().map(|(from, to)| Condition::Refused { from, to }))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.inbound { "is sent to" } else { "comes from" };
        write!(f, "a firewall refuses what {what} {}", self.machine)
    }
}
