//! A partition that comes and goes, faster than elections or slower.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    callers::side,
    inject::Inject,
    roster::{Roster, check_rhythm, machines},
    target::Target,
};
use crate::{
    trace::{Condition, Rhythm},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flapping {
    /// The nodes of one side.
    pub side: Vec<Target>,
    /// Its proxies.
    pub proxies: Vec<u64>,
    pub rhythm: Rhythm,
    /// The way back is open.
    pub one_way: bool,
}

impl Inject for Flapping {
    const NAME: &'static str = "flapping";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let side = roster.some_nodes(draw);
        let period_ms = *draw.pick(&[40, 200, 500, 1_500]);
        let rhythm = Rhythm { period_ms, bad_ms: period_ms * draw.between(20, 90) / 100 };
        Self { side, proxies: roster.some_proxies(draw), rhythm, one_way: draw.chance(30) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_targets("side", &self.side)?;
        roster.check_proxies("proxies", &self.proxies)?;
        check_rhythm("rhythm", self.rhythm)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let side = machines(&Target::resolve_all(&self.side, world), &self.proxies);
        let lines = world.network.lines_around(&side);
        let bad = lines.into_iter().filter(|(from, _)| !self.one_way || side.contains(from));
        world.hold(bad.map(|(from, to)| Condition::Flapping { from, to, rhythm: self.rhythm }))
    }
}

impl fmt::Display for Flapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rhythm { period_ms, bad_ms } = self.rhythm;
        let whom = if self.one_way { "are not heard by" } else { "are cut off from" };
        let side = side(&Target::named(&self.side), &self.proxies);
        write!(f, "{side} {whom} the rest for {bad_ms} of each {period_ms} ms")
    }
}
