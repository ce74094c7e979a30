//! A machine's clock jumps ahead: its timers are due at once, and its wall time is later. Nodes that read by lease are told that clocks
//! do not jump: nothing happens to those.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{Roster, check_within},
    target::Aim,
};
use crate::{
    trace::MachineId,
    world::{Healing, World},
};

/// A day.
const MS_MAX: u64 = 1_000 * 60 * 60 * 24;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockJump {
    #[serde(alias = "node")]
    pub machine: Aim,
    /// By how much, in milliseconds.
    pub ms: u64,
}

impl Inject for ClockJump {
    const NAME: &'static str = "clock-jump";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { machine: roster.any_machine(draw), ms: *draw.pick(&[20, 300, 3_000, 600_000]) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_aim("machine", self.machine)?;
        check_within("ms", self.ms, 1..=MS_MAX)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(machine) = self.machine.machine(world) else { return Healing::missed() };
        if matches!(machine, MachineId::Node(_)) && !world.shape.leases_are_off() {
            return Healing::missed();
        }
        world.machines.machine(machine).jump_clock_us(self.ms * 1_000);
        Healing::nothing()
    }
}

impl fmt::Display for ClockJump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the clock of {} jumps {} ms ahead", self.machine, self.ms)
    }
}
