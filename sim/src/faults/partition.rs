//! The nodes and proxies of one side do not reach the others, nor are they reached.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{Roster, machines},
};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// The nodes of one side.
    pub side: Vec<u64>,
    /// Its proxies.
    #[serde(default)]
    pub proxies: Vec<u64>,
}

impl Inject for Partition {
    const NAME: &'static str = "partition";

    /// A minority or a majority, never nobody and never all.
    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let ids = roster.founders();
        let mut side = draw.some_of(&ids, 40);
        side.truncate(ids.len() - 1);
        Self { side, proxies: roster.some_proxies(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_nodes("side", &self.side)?;
        roster.check_proxies("proxies", &self.proxies)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let cuts = world.network.cuts_around(&machines(&self.side, &self.proxies));
        world.hold(cuts)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition of nodes {:?} and proxies {:?} from the rest", self.side, self.proxies)
    }
}
