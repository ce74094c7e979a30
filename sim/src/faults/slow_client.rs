//! A client is slow to take its answers: its links have little bandwidth.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{Roster, check_within},
};
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, World},
};

/// A byte a millisecond: an answer takes as long as a person's patience.
const BYTES_PER_S_MIN: u64 = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowClient {
    pub client: u64,
    pub bytes_per_s: u64,
}

impl Inject for SlowClient {
    const NAME: &'static str = "slow-client";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let client = draw.below(roster.clients);
        Self { client, bytes_per_s: *draw.pick(&[BYTES_PER_S_MIN, 5_000, 50_000]) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_client("client", self.client)?;
        check_within("bytes_per_s", self.bytes_per_s, BYTES_PER_S_MIN..=u64::from(u32::MAX))
    }

    fn strike(&self, world: &mut World) -> Healing {
        let machine = MachineId::Client(self.client);
        world.hold([Condition::SlowLink { machine, bytes_per_s: self.bytes_per_s }])
    }
}

impl fmt::Display for SlowClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {} has {} B/s", self.client, self.bytes_per_s)
    }
}
