//! A node hears nobody, or is heard by nobody.

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
pub struct OneWayIsolation {
    pub node: Target,
    /// True: it hears nobody. False: nobody hears it.
    pub inbound: bool,
}

impl Inject for OneWayIsolation {
    const NAME: &'static str = "one-way-isolation";
    const FORMER_NAMES: &'static [&'static str] = &["deaf"];

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_target(draw), inbound: draw.chance(50) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(node) = self.node.machine(world) else { return Healing::missed() };
        let lost = |(from, to): (MachineId, MachineId)| (if self.inbound { to } else { from }) == node;
        let cuts = world.network.cuts_around(&[node]);
        world.hold(
            cuts.into_iter().filter(|cut| matches!(*cut, Condition::Cut { from, to } if lost((from, to)))),
        )
    }
}

impl fmt::Display for OneWayIsolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inbound {
            true => write!(f, "{} hears nobody", self.node),
            false => write!(f, "nobody hears {}", self.node),
        }
    }
}
