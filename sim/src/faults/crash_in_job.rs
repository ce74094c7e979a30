//! A node's process is killed in the middle of a job of its disk: between two changes of its files, or within one. What it wrote
//! until then stays. If that comes after the fault has healed, the machine comes up again at once.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::{
    trace::Condition,
    world::{Death, Healing, World},
};

/// A commit of the log makes about ten changes, one of the state some tens.
const NTH_DRAWN: u64 = 40;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrashInJob {
    pub node: Target,
    /// In which change of a file from now on: a write, another length, or a sync; 0 is the next.
    pub nth: u64,
}

impl Inject for CrashInJob {
    const NAME: &'static str = "crash-in-job";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_target(draw), nth: draw.below(NTH_DRAWN) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(node) = self.node.machine(world) else { return Healing::missed() };
        world.machines.machine(node).arm(Death::Crash, self.nth);
        world.hold([Condition::DownOnceItDies(node)])
    }
}

impl fmt::Display for CrashInJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is killed in change number {} of its files from now", self.node, self.nth)
    }
}
