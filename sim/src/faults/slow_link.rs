//! What a node or a proxy sends and is sent crosses slowly: large values and snapshots queue, and nothing else of the cluster does.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{BANDWIDTH_MIN, Roster},
    target::Aim,
};
use crate::{
    trace::Condition,
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowLink {
    #[serde(alias = "node")]
    pub machine: Aim,
    /// The bandwidth between it and any other machine, in each direction, while it lasts.
    pub bytes_per_s: u64,
}

impl Inject for SlowLink {
    const NAME: &'static str = "slow-link";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { machine: roster.any_machine(draw), bytes_per_s: *draw.pick(&[100_000, 300_000, 1_000_000]) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_aim("machine", self.machine)?;
        match self.bytes_per_s >= BANDWIDTH_MIN {
            true => Ok(()),
            false => {
                Err(format!("bytes_per_s: {} is too little: at least {BANDWIDTH_MIN}", self.bytes_per_s))
            }
        }
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(machine) = self.machine.machine(world) else { return Healing::missed() };
        world.hold([Condition::SlowLink { machine, bytes_per_s: self.bytes_per_s }])
    }
}

impl fmt::Display for SlowLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slow links of {}, {} kB/s", self.machine, self.bytes_per_s / 1000)
    }
}
