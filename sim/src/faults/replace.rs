//! An operator puts a new node in the place of another.

use std::{fmt, time::Duration};

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// Who goes for ever.
    pub node: Target,
    /// Who comes: an id that no other fault brings.
    pub new: u64,
}

impl Inject for Replace {
    const NAME: &'static str = "replace";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_target(draw), new: roster.next_newcomer }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn newcomer(&self) -> Option<u64> {
        Some(self.new)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(node) = self.node.resolve(world) else { return Healing::missed() };
        world.change_members(Some((self.new, false)), vec![node], Duration::ZERO);
        Healing::nothing()
    }
}

impl fmt::Display for Replace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} replaces {}", self.new, self.node)
    }
}
