//! An operator removes a node.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    /// Who goes for ever.
    pub node: u64,
}

impl Inject for Leave {
    const NAME: &'static str = "leave";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_node(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_node("node", self.node)
    }

    fn strike(&self, world: &mut World) -> Healing {
        world.change_members(None, vec![self.node]);
        Healing::nothing()
    }
}

impl fmt::Display for Leave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} leaves", self.node)
    }
}
