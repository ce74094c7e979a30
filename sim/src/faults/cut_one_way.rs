//! What one node sends does not arrive at another; the way back is open.

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
pub struct CutOneWay {
    /// The sender.
    pub from: Target,
    /// The receiver.
    pub to: Target,
}

impl Inject for CutOneWay {
    const NAME: &'static str = "cut-one-way";
    const FOUNDERS_MIN: u64 = 2;

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let mut nodes = roster.nodes(draw);
        let from = nodes.remove(draw.below(roster.founders) as usize);
        Self { from, to: *draw.pick(&nodes) }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_target("from", self.from)?;
        roster.check_target("to", self.to)
    }

    fn strike(&self, world: &mut World) -> Healing {
        match Target::resolve_all(&[self.from, self.to], world)[..] {
            [from, to] => {
                world.hold([Condition::Cut { from: MachineId::Node(from), to: MachineId::Node(to) }])
            }
            _ => Healing::missed(),
        }
    }
}

impl fmt::Display for CutOneWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cut of the way from {} to {}", self.from, self.to)
    }
}
