//! The machines of one side do not reach the others, nor are they reached.

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
pub struct Partition {
    /// The nodes of one side.
    pub side: Vec<Target>,
    /// Its proxies.
    #[serde(default)]
    pub proxies: Vec<u64>,
    /// Its clients and operators. Without this they reach both sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callers: Option<Callers>,
}

impl Inject for Partition {
    const NAME: &'static str = "partition";

    /// A minority or a majority, never nobody and never all.
    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let side = roster.some_nodes(draw);
        Self { side, proxies: roster.some_proxies(draw), callers: roster.some_callers(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_targets("side", &self.side)?;
        roster.check_proxies("proxies", &self.proxies)?;
        roster.check_callers("callers", self.callers.as_ref())
    }

    fn strike(&self, world: &mut World) -> Healing {
        let side = machines(&Target::resolve_all(&self.side, world), &self.proxies);
        let cuts = Callers::cuts(self.callers.as_ref(), side, world);
        world.hold(cuts)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition of {}", side(&Target::named(&self.side), &self.proxies))?;
        Callers::fmt_with(self.callers.as_ref(), f)?;
        f.write_str(" from the rest")
    }
}
