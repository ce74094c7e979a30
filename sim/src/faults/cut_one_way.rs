//! What one node sends does not arrive at another; the way back is open.

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
pub struct CutOneWay {
    /// The sender.
    pub from: u64,
    /// The receiver.
    pub to: u64,
}

impl Inject for CutOneWay {
    const NAME: &'static str = "cut-one-way";
    const FOUNDERS_MIN: u64 = 2;

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let from = roster.any_node(draw);
        let others: Vec<u64> = roster.founders().into_iter().filter(|&id| id != from).collect();
        Self { from, to: *draw.pick(&others) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_node("from", self.from)?;
        roster.check_node("to", self.to)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let (from, to) = (MachineId::Node(self.from), MachineId::Node(self.to));
        world.hold([Condition::Cut { from, to }])
    }
}

impl fmt::Display for CutOneWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cut of the way from node {} to node {}", self.from, self.to)
    }
}
