//! Nodes die in the middle of jobs of their disks, again and again: as soon as one is up it is on its way to the next death. What is
//! seldom written, a later term for one, is written often then, and never for the last time.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{Roster, check_within},
    target::Target,
};
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrashLoop {
    pub nodes: Vec<Target>,
    /// It is their power that fails, in a sync; else their processes are killed.
    pub loses_power: bool,
    /// Each life ends within so many changes of files, or syncs.
    pub within: u64,
}

impl Inject for CrashLoop {
    const NAME: &'static str = "crash-loop";

    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let nodes = if draw.chance(50) { roster.nodes(draw) } else { vec![roster.any_node(draw)] };
        let loses_power = draw.chance(50);
        let within = *draw.pick(if loses_power { &[8, 30] } else { &[40, 150] });
        Self { nodes, loses_power, within }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_targets("nodes", &self.nodes)?;
        check_within("within", self.within, 1..=100_000)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let Self { loses_power, within, .. } = *self;
        let nodes = Target::resolve_all(&self.nodes, world);
        let dies = |id| Condition::DiesAgain { machine: MachineId::Node(id), loses_power, within };
        world.hold(nodes.into_iter().map(dies))
    }
}

impl fmt::Display for CrashLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nodes, within) = (Target::named(&self.nodes), self.within);
        match self.loses_power {
            true => write!(f, "the power of {nodes} fails again and again, within {within} syncs"),
            false => write!(
                f,
                "the processes of {nodes} are killed again and again, within {within} changes of their files"
            ),
        }
    }
}
