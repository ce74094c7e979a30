//! The node that leads when the fault strikes is cut off, together with some proxies, which know of no other leader.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
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
}

impl Inject for IsolatedLeader {
    const NAME: &'static str = "isolated-leader";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { proxies: roster.some_proxies(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_proxies("proxies", &self.proxies)
    }

    /// Without a leader the proxies are cut off alone.
    fn strike(&self, world: &mut World) -> Healing {
        let leader = Target::Leader.resolve(world);
        let cuts = world.network.cuts_around(&machines(leader.as_slice(), &self.proxies));
        world.hold(cuts)
    }
}

impl fmt::Display for IsolatedLeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition of the leader and proxies {:?} from the rest", self.proxies)
    }
}
