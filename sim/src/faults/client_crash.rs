//! A client dies as by Ctrl+C, in mid-work; another takes its place when the fault heals.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster};
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCrash {
    /// Its number, from 0.
    pub client: u64,
}

impl Inject for ClientCrash {
    const NAME: &'static str = "client-crash";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { client: draw.below(roster.clients) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_client("client", self.client)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let client = MachineId::Client(self.client);
        world.machines.crash(client);
        world.hold([Condition::Down(client)])
    }
}

impl fmt::Display for ClientCrash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ctrl+C of client {}", self.client)
    }
}
