//! A process dies behind a cut, and is started again there: nobody hears that its connections are gone, and it knows of none.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::world::{Healing, World, cuts};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalfOpen {
    pub node: Target,
}

impl Inject for HalfOpen {
    const NAME: &'static str = "half-open";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_target(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(node) = self.node.machine(world) else { return Healing::missed() };
        let cuts = cuts(world.network.lines_around_strictly(&[node]));
        let healing = world.hold(cuts);
        world.machines.crash(node);
        world.machines.bring_up(node);
        healing
    }
}

impl fmt::Display for HalfOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crash and restart of {} behind a cut", self.node)
    }
}
