//! An operator removes a node.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// Who goes for ever.
    pub node: Target,
}

impl Inject for Remove {
    const NAME: &'static str = "remove";
    const FORMER_NAMES: &'static [&'static str] = &["leave"];

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_target(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(node) = self.node.resolve(world) else { return Healing::nothing() };
        world.change_members(None, vec![node]);
        Healing::nothing()
    }
}

impl fmt::Display for Remove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is removed", self.node)
    }
}
