//! A node that has left the cluster for good is started again, with the disk that it had: an operator's mistake. It must hear of it,
//! and stop, and harm nobody.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OldDiskBack {
    pub node: Target,
}

impl Inject for OldDiskBack {
    const NAME: &'static str = "old-disk-back";

    fn draw(draw: &mut Draw, _: &Roster) -> Self {
        Self { node: Target::Former(draw.below(4)) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(node) = self.node.resolve(world) else { return Healing::missed() };
        world.start_former(node);
        Healing::nothing()
    }
}

impl fmt::Display for OldDiskBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is started again, with its old disk", self.node)
    }
}
