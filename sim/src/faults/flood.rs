//! Many clients ask for more than a proxy serves.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{Roster, check_within},
};
use crate::{
    trace::Condition,
    world::{Healing, World},
};

/// More clients make no other flood, only a slow simulation.
const CLIENTS_MAX: u64 = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flood {
    /// The proxy's number, from 0.
    pub proxy: u64,
    pub clients: u64,
}

impl Inject for Flood {
    const NAME: &'static str = "flood";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { proxy: draw.below(roster.proxies), clients: draw.between(10, 40) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_proxies("proxy", &[self.proxy])?;
        check_within("clients", self.clients, 1..=CLIENTS_MAX)
    }

    fn strike(&self, world: &mut World) -> Healing {
        world.hold([Condition::Flood { proxy: self.proxy, clients: self.clients }])
    }
}

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flood of {} clients at proxy {}", self.clients, self.proxy)
    }
}
