//! A node's disk says that it has written a block, and has not. Soon after, the node is killed and comes up with what is there. It
//! may notice at once, late or never, but what it answers must be right. An operator puts a new node in its place.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    damage::{NTH_DRAWN, misplace_write},
    inject::Inject,
    roster::Roster,
    target::Target,
};
use crate::world::{Healing, Misplaced, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostWrite {
    /// Whose disk it is. Nothing happens to a node that cannot be spared at the time.
    pub node: Target,
    /// Which write of a block from now on, of those that syncs make; 0 is the next.
    pub nth: u64,
    /// Who takes its place: an id that no other fault brings.
    pub new: u64,
}

impl Inject for LostWrite {
    const NAME: &'static str = "lost-write";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_node(draw), nth: draw.below(NTH_DRAWN), new: roster.next_newcomer }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn newcomer(&self) -> Option<u64> {
        Some(self.new)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Self { node, nth, new } = *self;
        misplace_write(world, node, nth, Misplaced::Nowhere, new)
    }
}

impl fmt::Display for LostWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, nth, new } = self;
        write!(
            f,
            "write number {nth} from now of the disk of {node} is never made, and node {new} replaces it"
        )
    }
}
