//! The alarm is raised that a member's state has outgrown its quota: nothing is put any more, until an operator has made room and ends it.

use std::{fmt, time::Duration};

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{Roster, check_within},
    target::Target,
};
use crate::world::{Healing, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutOfSpace {
    /// Whose alarm it is.
    pub node: Target,
    /// How long it takes the operator to make room; no longer than faults strike.
    pub room_after_ms: u64,
}

impl Inject for OutOfSpace {
    const NAME: &'static str = "out-of-space";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_target(draw), room_after_ms: draw.between(1, 3_000) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)?;
        check_within("room_after_ms", self.room_after_ms, 0..=60_000)
    }

    fn strike(&self, world: &mut World) -> Healing {
        if let Some(node) = self.node.resolve(world) {
            world.operators.run_out_of_space(node, Duration::from_millis(self.room_after_ms));
        }
        Healing::nothing()
    }
}

impl fmt::Display for OutOfSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is out of space, and there is room after {} ms", self.node, self.room_after_ms)
    }
}
