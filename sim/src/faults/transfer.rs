//! An operator asks for another leader.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Who is to lead.
    pub to: u64,
}

impl Inject for Transfer {
    const NAME: &'static str = "transfer";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { to: roster.any_node(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_node("to", self.to)
    }

    fn strike(&self, world: &mut World) -> Healing {
        world.operators.transfer(self.to);
        Healing::nothing()
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transfer of leadership to node {}", self.to)
    }
}
