//! A node is cut off, and all others forget their logs as far as they are durable in their states, however short they are: what the node
//! missed it is sent as a snapshot.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster, target::Target};
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForcedSnapshot {
    pub node: Target,
}

impl Inject for ForcedSnapshot {
    const NAME: &'static str = "forced-snapshot";
    const FOUNDERS_MIN: u64 = 2;

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        Self { node: roster.any_target(draw) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("node", self.node)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Some(node) = self.node.machine(world) else { return Healing::missed() };
        let cuts = world.network.cuts_around(&[node]);
        let others = world.nodes.iter().copied().map(MachineId::Node).filter(|other| *other != node);
        let compacting = others.map(Condition::Compacts);
        let conditions: Vec<Condition> = compacting.chain(cuts).collect();
        world.hold(conditions)
    }
}

impl fmt::Display for ForcedSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is cut off, and the others forget their logs", self.node)
    }
}
