//! A proxy's process dies.

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
pub struct ProxyCrash {
    /// Its number, from 0.
    pub proxy: u64,
}

impl Inject for ProxyCrash {
    const NAME: &'static str = "proxy-crash";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { proxy: draw.below(roster.proxies) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_proxies("proxy", &[self.proxy])
    }

    fn strike(&self, world: &mut World) -> Healing {
        let proxy = MachineId::Proxy(self.proxy);
        world.machines.crash(proxy);
        world.hold([Condition::Down(proxy)])
    }
}

impl fmt::Display for ProxyCrash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crash of proxy {}", self.proxy)
    }
}
