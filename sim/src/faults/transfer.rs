//! An operator asks for another leader.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Who is to lead.
    pub to: Target,
}

impl Inject for Transfer {
    const NAME: &'static str = "transfer";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { to: roster.any_target(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("to", self.to)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(to) = self.to.resolve(world) else { return Healing::missed() };
        world.operators.transfer(to);
        Healing::nothing()
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transfer of leadership to {}", self.to)
    }
}
