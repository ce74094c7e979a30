//! Reads or writes of a node's disk fail. The node must stop, and say why, at the first one; it is started again and again.

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
pub struct FailingDisk {
    pub node: Target,
    /// So many of a thousand reads fail.
    pub reads_permille: u64,
    /// So many of a thousand writes fail, and changes of a file's length.
    pub writes_permille: u64,
}

impl Inject for FailingDisk {
    const NAME: &'static str = "failing-disk";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let (node, permille) = (roster.any_target(draw), *draw.pick(&[10, 100, 1_000]));
        let (reads, writes) = *draw.pick(&[(1, 0), (0, 1), (1, 1)]);
        Self { node, reads_permille: reads * permille, writes_permille: writes * permille }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)?;
        check_within("reads_permille", self.reads_permille, 0..=1_000)?;
        check_within("writes_permille", self.writes_permille, 0..=1_000)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(machine) = self.node.machine(world) else { return Healing::missed() };
        let Self { reads_permille, writes_permille, .. } = *self;
        let errors = DiskErrors { reads_permille, writes_permille, ..DiskErrors::default() };
        world.hold([Condition::FailingDisk { machine, errors }])
    }
}

impl fmt::Display for FailingDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, reads_permille, writes_permille } = self;
        write!(f, "of 1000 reads {reads_permille} and of 1000 writes {writes_permille} of {node} fail")
    }
}
