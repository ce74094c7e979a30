//! An operator lets a node vote that is a learner, or is taken for one.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promote {
    pub node: Target,
}

impl Inject for Promote {
    const NAME: &'static str = "promote";

    fn draw(draw: &mut Draw, _: &Roster) -> Self {
        Self { node: Target::Newcomer(draw.below(4)) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(node) = self.node.resolve(world) else { return Healing::missed() };
        world.promote(node);
        Healing::nothing()
    }
}

impl fmt::Display for Promote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is promoted", self.node)
    }
}
