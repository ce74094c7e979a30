//! All clocks run wrong, at the ends of what nodes may expect: that of one node slow and those of all others fast, or the other way
//! round.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{Roster, check_deviation},
    target::Target,
};
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, World},
};

/// A little less than what nodes that read by lease are told to expect.
const PPM_MAX: u64 = 90_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DivergingClocks {
    /// Whose clock departs from all others.
    pub node: Target,
    /// By how much it is fast, in parts per million, and the others slow; negative: the other way round.
    pub ppm: i64,
}

impl Inject for DivergingClocks {
    const NAME: &'static str = "diverging-clocks";
    const LASTS: u64 = 4;

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let node = if draw.chance(50) { Target::Leader } else { roster.any_target(draw) };
        Self { node, ppm: *draw.pick(&[-90_000, -90_000, -30_000, 30_000, 90_000]) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)?;
        check_deviation("ppm", self.ppm, PPM_MAX)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(odd) = self.node.machine(world) else { return Healing::missed() };
        let drift = |machine| Condition::ClockDrift {
            machine,
            ppm: if machine == odd { self.ppm } else { -self.ppm },
        };
        let conditions: Vec<Condition> =
            world.nodes.iter().copied().map(MachineId::Node).map(drift).collect();
        world.hold(conditions)
    }
}

impl fmt::Display for DivergingClocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clock drift of {} ppm at {} and of {} ppm at all others", self.ppm, self.node, -self.ppm)
    }
}
