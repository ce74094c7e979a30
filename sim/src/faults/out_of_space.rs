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
    /// Another one raises its alarm too, and has room after twice as long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<Target>,
    /// How long it takes the operator to make room; no longer than faults strike.
    pub room_after_ms: u64,
}

impl Inject for OutOfSpace {
    const NAME: &'static str = "out-of-space";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let (node, room_after_ms) = (roster.any_target(draw), draw.between(1, 3_000));
        Self { node, other: draw.chance(50).then(|| roster.any_target(draw)), room_after_ms }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)?;
        self.other.map_or(Ok(()), |other| roster.check_target("other", other))?;
        check_within("room_after_ms", self.room_after_ms, 0..=60_000)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let room_after = Duration::from_millis(self.room_after_ms);
        let node = self.node.resolve(world);
        let other = self.other.and_then(|other| other.resolve(world)).filter(|other| node != Some(*other));
        if node.is_none() && other.is_none() {
            return Healing::missed();
        }
        for (member, room_after) in [(node, room_after), (other, 2 * room_after)] {
            if let Some(member) = member {
                world.operators.run_out_of_space(member, room_after);
            }
        }
        Healing::nothing()
    }
}

impl fmt::Display for OutOfSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is out of space, and there is room after {} ms", self.node, self.room_after_ms)?;
        self.other.map_or(Ok(()), |other| write!(f, "; so is {other}, for twice as long"))
    }
}
