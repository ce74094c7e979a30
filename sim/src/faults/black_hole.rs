//! All that is sent to a machine, or comes from it, vanishes: whoever connects or calls waits until its own patience ends,
//! clients and operators among them.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Aim};
use crate::{
    trace::MachineId,
    world::{Healing, World, cuts},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlackHole {
    pub machine: Aim,
}

impl Inject for BlackHole {
    const NAME: &'static str = "black-hole";

    /// A node, a proxy, or a client.
    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let server = roster.any_server(draw);
        let client = roster.clients > 0 && draw.chance(20);
        let machine =
            if client { Aim::Machine(MachineId::Client(draw.below(roster.clients))) } else { server };
        Self { machine }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_aim("machine", self.machine)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(machine) = self.machine.machine(world) else { return Healing::missed() };
        let lines = world.network.lines_around_strictly(&[machine]);
        world.hold(cuts(lines))
    }
}

impl fmt::Display for BlackHole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} reaches nobody, and nobody reaches it", self.machine)
    }
}
