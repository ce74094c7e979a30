//! A node's wall time is wrong: what it stamps into entries as a leader is, too.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{Roster, check_deviation},
    target::Target,
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
    pub node: Target,
    /// How far ahead, in milliseconds; negative: behind.
    pub ms: i64,
}

impl Inject for ClockSkew {
    const NAME: &'static str = "clock-skew";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let node = roster.any_target(draw);
        Self { node, ms: *draw.pick(&[-3_600_000, -500, 500, 7_200_000]) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)?;
        check_deviation("ms", self.ms, MS_MAX)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(machine) = self.node.machine(world) else { return Healing::missed() };
        world.hold([Condition::ClockSkew { machine, ms: self.ms }])
    }
}

impl fmt::Display for ClockSkew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wall time {} ms ahead at {}", self.ms, self.node)
    }
}
