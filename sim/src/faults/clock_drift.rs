//! A machine's clock runs fast or slow: a node's timeouts, heartbeats and leases with it, a proxy's pauses and patience.

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

/// A little less than what nodes that read by lease are told to expect: what several faults add up to is cut at that too.
const PPM_MAX: u64 = 90_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockDrift {
    #[serde(alias = "node")]
    pub machine: Aim,
    /// By how much, in parts per million; negative: slow.
    pub ppm: i64,
}

impl Inject for ClockDrift {
    const NAME: &'static str = "clock-drift";
    const LASTS: u64 = 4;

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let machine = roster.any_machine(draw);
        Self { machine, ppm: *draw.pick(&[-90_000, -40_000, -1_000, 1_000, 40_000, 90_000]) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_aim("machine", self.machine)?;
        check_deviation("ppm", self.ppm, PPM_MAX)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(machine) = self.machine.machine(world) else { return Healing::missed() };
        world.hold([Condition::ClockDrift { machine, ppm: self.ppm }])
    }
}

impl fmt::Display for ClockDrift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clock drift of {} ppm at {}", self.ppm, self.machine)
    }
}
