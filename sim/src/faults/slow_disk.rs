//! A node's disk takes longer for each job.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{DISK_US_MAX, Roster, check_range},
    target::Target,
};
use crate::{
    trace::{Condition, Range},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowDisk {
    pub node: Target,
    /// The time of a job while it lasts, drawn anew for each.
    pub disk_us: Range,
}

impl Inject for SlowDisk {
    const NAME: &'static str = "slow-disk";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let node = roster.any_target(draw);
        Self { node, disk_us: Range { low: 10_000, high: draw.between(50_000, 1_000_000) } }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)?;
        check_range("disk_us", self.disk_us, DISK_US_MAX)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(machine) = self.node.machine(world) else { return Healing::missed() };
        world.hold([Condition::SlowDisk { machine, disk_us: self.disk_us }])
    }
}

impl fmt::Display for SlowDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { low, high } = self.disk_us;
        write!(f, "slow disk of {}, {} to {} ms a job", self.node, low / 1000, high / 1000)
    }
}
