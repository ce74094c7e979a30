//! A node's disk is full: what is there can be read and written over, and no file grows. The node must stop, and say why.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::{
    trace::{Condition, DiskErrors},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullDisk {
    pub node: Target,
}

impl Inject for FullDisk {
    const NAME: &'static str = "full-disk";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_target(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(machine) = self.node.machine(world) else { return Healing::missed() };
        let errors = DiskErrors { is_full: true, ..DiskErrors::default() };
        world.hold([Condition::FailingDisk { machine, errors }])
    }
}

impl fmt::Display for FullDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the disk of {} is full", self.node)
    }
}
