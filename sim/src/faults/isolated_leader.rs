//! The node that leads when the fault strikes is cut off, together with some proxies, which know of no other leader.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    callers::{Callers, side},
    inject::Inject,
    roster::{Roster, machines},
    target::Target,
};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IsolatedLeader {
    /// The proxies on its side.
    pub proxies: Vec<u64>,
    /// The clients and operators on its side. Without this they reach both sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callers: Option<Callers>,
}

impl Inject for IsolatedLeader {
    const NAME: &'static str = "isolated-leader";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { proxies: roster.some_proxies(draw), callers: roster.some_callers(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_proxies("proxies", &self.proxies)?;
        roster.check_callers("callers", self.callers.as_ref())
    }

    /// Without a leader the proxies are cut off alone.
    fn strike(&self, world: &mut World) -> Healing {
        let leader = Target::Leader.resolve(world);
        let side = machines(leader.as_slice(), &self.proxies);
        let cuts = Callers::cuts(self.callers.as_ref(), side, world);
        world.hold(cuts)
    }
}

impl fmt::Display for IsolatedLeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition of {}", side("the leader", &self.proxies))?;
        Callers::fmt_with(self.callers.as_ref(), f)?;
        f.write_str(" from the rest")
    }
}
