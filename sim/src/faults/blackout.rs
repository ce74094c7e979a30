//! Every node's machine dies at once.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{inject::Inject, roster::Roster};
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blackout {}

impl Inject for Blackout {
    const NAME: &'static str = "blackout";

    fn draw(_: &mut Draw, _: &Roster) -> Self {
        Self {}
    }

    fn strike(&self, world: &mut World) -> Healing {
        let nodes: Vec<MachineId> = world.known_nodes().into_iter().map(MachineId::Node).collect();
        nodes.iter().for_each(|&node| world.machines.lose_power(node));
        world.hold(nodes.into_iter().map(Condition::Down))
    }
}

impl fmt::Display for Blackout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("power loss of every node")
    }
}
