//! A machine's wall time is wrong: what a leader stamps into entries is, too.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{Roster, check_deviation},
    target::Aim,
};
use crate::{
    trace::Condition,
    world::{Healing, World},
};

/// A year.
const MS_MAX: u64 = 1_000 * 60 * 60 * 24 * 365;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockSkew {
    #[serde(alias = "node")]
    pub machine: Aim,
    /// How far ahead, in milliseconds; negative: behind.
    pub ms: i64,
}

impl Inject for ClockSkew {
    const NAME: &'static str = "clock-skew";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        // Nobody else goes by it.
        let machine = Aim::Node(roster.any_target(draw));
        Self { machine, ms: *draw.pick(&[-3_600_000, -500, 500, 7_200_000]) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_aim("machine", self.machine)?;
        check_deviation("ms", self.ms, MS_MAX)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(machine) = self.machine.machine(world) else { return Healing::missed() };
        world.hold([Condition::ClockSkew { machine, ms: self.ms }])
    }
}

impl fmt::Display for ClockSkew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wall time {} ms ahead at {}", self.ms, self.machine)
    }
}
