//! Syncs of a node's disk fail, and what they were to write is lost or not, as on Linux: the error is reported once, a later sync
//! succeeds, and some of what memory shows is not on the platter. The node must stop at the first one.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{Roster, check_within},
    target::Target,
};
use crate::{
    trace::{Condition, DiskErrors},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailingSync {
    pub node: Target,
    /// So many of a thousand syncs fail.
    pub permille: u64,
}

impl Inject for FailingSync {
    const NAME: &'static str = "failing-sync";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_target(draw), permille: *draw.pick(&[20, 200, 1_000]) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)?;
        check_within("permille", self.permille, 1..=1_000)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(machine) = self.node.machine(world) else { return Healing::missed() };
        let errors = DiskErrors { syncs_permille: self.permille, ..DiskErrors::default() };
        world.hold([Condition::FailingDisk { machine, errors }])
    }
}

impl fmt::Display for FailingSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of 1000 syncs of {} fail", self.permille, self.node)
    }
}
