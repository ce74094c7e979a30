//! An operator removes a node, or all others.

use std::{fmt, time::Duration};

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// Who goes for ever, or stays alone.
    pub node: Target,
    /// All others go, at once.
    #[serde(default, skip_serializing_if = "is_false")]
    pub others: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Inject for Remove {
    const NAME: &'static str = "remove";
    const FORMER_NAMES: &'static [&'static str] = &["leave"];

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let (node, place) = (roster.any_target(draw), draw.below(4));
        let node = match draw.below(100) {
            0..30 => Target::Follower(place),
            30..50 => Target::Leader,
            _ => node,
        };
        match draw.chance(15) {
            true => Self { node: Target::Leader, others: true },
            false => Self { node, others: false },
        }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(node) = self.node.resolve(world) else { return Healing::missed() };
        let leaving = match self.others {
            true => world.oracle.configuration().members().filter(|id| *id != node).collect(),
            false => vec![node],
        };
        if leaving.is_empty() {
            return Healing::missed();
        }
        world.change_members(None, leaving, Duration::ZERO);
        Healing::nothing()
    }
}

impl fmt::Display for Remove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.others {
            true => write!(f, "all but {} are removed", self.node),
            false => write!(f, "{} is removed", self.node),
        }
    }
}
