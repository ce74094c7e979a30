//! Every message takes longer.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{LATENCY_US_MAX, Roster, check_range},
};
use crate::{
    trace::{Condition, Range},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowNetwork {
    /// The latency of a message while it lasts, drawn anew for each.
    pub latency_us: Range,
}

impl Inject for SlowNetwork {
    const NAME: &'static str = "slow-network";

    fn draw(draw: &mut Draw, _: &Roster) -> Self {
        Self { latency_us: Range { low: 5_000, high: draw.between(30_000, 300_000) } }
    }

    fn check(&self, _: &Roster) -> Result<(), String> {
        check_range("latency_us", self.latency_us, LATENCY_US_MAX)
    }

    fn strike(&self, world: &mut World) -> Healing {
        world.hold([Condition::SlowNetwork { latency_us: self.latency_us }])
    }
}

impl fmt::Display for SlowNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { low, high } = self.latency_us;
        write!(f, "slow network, {} to {} ms a message", low / 1000, high / 1000)
    }
}
