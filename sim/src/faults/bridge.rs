//! Two groups of nodes do not reach each other, and some nodes between them reach, and are reached by, both: nobody sees
//! all, and each may see a majority.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    /// The nodes on either side. All others, and the proxies, reach both.
    pub sides: [Vec<Target>; 2],
}

impl Inject for Bridge {
    const NAME: &'static str = "bridge";
    const FOUNDERS_MIN: u64 = 3;

    /// One node between two sides that are as equal as can be.
    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let mut others = roster.nodes(draw);
        others.remove(draw.below(roster.founders) as usize);
        let first = draw.below(others.len() as u64) as usize;
        others.rotate_left(first);
        let far = others.split_off(others.len() / 2);
        Self { sides: [others, far] }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        self.sides.iter().try_for_each(|side| roster.check_targets("sides", side))
    }

    fn strike(&self, world: &mut World) -> Healing {
        let [near, far] = self.sides.each_ref().map(|side| Target::resolve_all(side, world));
        let pairs = near.iter().flat_map(|&one| far.iter().map(move |&other| (one, other)));
        let ways = pairs.flat_map(|(one, other)| [(one, other), (other, one)]);
        let machines = ways.map(|(from, to)| (MachineId::Node(from), MachineId::Node(to)));
        world.hold(machines.map(|(from, to)| Condition::Cut { from, to }))
    }
}

impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [near, far] = self.sides.each_ref().map(|side| Target::named(side));
        write!(f, "{near} and {far} reach each other only by the others")
    }
}
