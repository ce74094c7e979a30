//! An operator adds a new node.

use std::{fmt, time::Duration};

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Who comes: an id that no other fault brings.
    pub new: u64,
    /// It has no say.
    pub learner: bool,
}

impl Inject for Join {
    const NAME: &'static str = "join";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { new: roster.next_newcomer, learner: draw.chance(40) }
    }

    fn newcomer(&self) -> Option<u64> {
        Some(self.new)
    }

    fn strike(&self, world: &mut World) -> Healing {
        world.change_members(Some((self.new, self.learner)), Vec::new(), Duration::ZERO);
        Healing::nothing()
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.learner { " as a learner" } else { "" };
        write!(f, "node {} joins{role}", self.new)
    }
}
