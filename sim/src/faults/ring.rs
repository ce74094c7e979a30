//! The nodes stand in a ring: each reaches its neighbours and nobody else, or only the next one. Everybody is connected with
//! everybody, and nobody sees a majority answer, or hears whom it reaches.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::{
    trace::MachineId,
    world::{Healing, World, cuts},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// The nodes, in the order in which they stand. All others, and the proxies, reach all.
    pub nodes: Vec<Target>,
    /// A node reaches the next one, and does not hear it.
    pub one_way: bool,
}

impl Inject for Ring {
    const NAME: &'static str = "ring";

    /// Of up to three nodes each reaches all others, unless the ring leads one way.
    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let mut nodes = roster.nodes(draw);
        draw.shuffle(&mut nodes);
        Self { one_way: nodes.len() <= 3 || draw.chance(30), nodes }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_targets("nodes", &self.nodes)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let nodes = Target::resolve_all(&self.nodes, world);
        let count = nodes.len();
        let mut closed = Vec::new();
        for (place, &from) in nodes.iter().enumerate() {
            for (other, &to) in nodes.iter().enumerate() {
                let is_next = (place + 1) % count == other;
                let is_open = is_next || !self.one_way && (other + 1) % count == place;
                if from != to && !is_open {
                    closed.push((MachineId::Node(from), MachineId::Node(to)));
                }
            }
        }
        world.hold(cuts(closed))
    }
}

impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whom = if self.one_way { "the next one" } else { "its neighbours" };
        write!(f, "ring of {}, each of which reaches {whom} and no other", Target::named(&self.nodes))
    }
}
