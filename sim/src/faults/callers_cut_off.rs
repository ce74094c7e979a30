//! Some clients, and perhaps the operators, do not reach some proxies: they have to find another one.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    callers::{Callers, named},
    inject::Inject,
    roster::Roster,
};
use crate::{
    trace::MachineId,
    world::{Healing, World, cuts, lines_between},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallersCutOff {
    pub callers: Callers,
    pub proxies: Vec<u64>,
}

impl Inject for CallersCutOff {
    const NAME: &'static str = "callers-cut-off";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let proxies: Vec<u64> = (0..roster.proxies).collect();
        let clients = (0..roster.clients).filter(|_| draw.chance(50)).collect();
        let callers = Callers { clients, operators: draw.chance(50) };
        Self { callers, proxies: draw.some_of(&proxies, 50) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_callers("callers", Some(&self.callers))?;
        roster.check_proxies("proxies", &self.proxies)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let proxies: Vec<MachineId> = self.proxies.iter().copied().map(MachineId::Proxy).collect();
        world.hold(cuts(lines_between(&self.callers.machines(), &proxies)))
    }
}

impl fmt::Display for CallersCutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} do not reach {}", self.callers, named("proxies", &self.proxies))
    }
}
