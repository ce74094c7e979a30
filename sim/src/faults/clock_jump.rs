//! A node's clock jumps ahead: its timers are due at once, and its wall time is later. Nodes that read by lease are told that clocks
//! do not jump: nothing happens to those.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{Roster, check_within},
    target::Target,
};
use crate::world::{Healing, World};

/// A day.
const MS_MAX: u64 = 1_000 * 60 * 60 * 24;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockJump {
    pub node: Target,
    /// By how much, in milliseconds.
    pub ms: u64,
}

impl Inject for ClockJump {
    const NAME: &'static str = "clock-jump";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_target(draw), ms: *draw.pick(&[20, 300, 3_000, 600_000]) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)?;
        check_within("ms", self.ms, 1..=MS_MAX)
    }

    fn strike(&self, world: &mut World) -> Healing {
        if !world.shape.leases_are_off() {
            return Healing::missed();
        }
        let Some(machine) = self.node.machine(world) else { return Healing::missed() };
        world.machines.machine(machine).jump_clock_us(self.ms * 1_000);
        Healing::nothing()
    }
}

impl fmt::Display for ClockJump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the clock of {} jumps {} ms ahead", self.node, self.ms)
    }
}
