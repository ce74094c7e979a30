//! Whoever calls proxies: on one side of a partition, or on the other.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    trace::{Condition, MachineId},
    world::{World, cuts},
};

/// The clients and operators of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callers {
    pub clients: Vec<u64>,
    /// The console, where all operators sit, is on this side.
    #[serde(default)]
    pub operators: bool,
}

impl Callers {
    /// The cuts that part these machines, and whoever calls from their side, from all others. `None`: all callers reach both
    /// sides.
    pub(super) fn cuts(callers: Option<&Self>, mut side: Vec<MachineId>, world: &World) -> Vec<Condition> {
        let Some(callers) = callers else { return world.network.cuts_around(&side) };
        side.extend(callers.machines());
        cuts(world.network.lines_around_strictly(&side))
    }

    pub(super) fn machines(&self) -> Vec<MachineId> {
        let clients = self.clients.iter().copied().map(MachineId::Client);
        clients.chain(self.operators.then_some(MachineId::Console)).collect()
    }

    /// Goes on describing a side.
    pub(super) fn fmt_with(callers: Option<&Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Self { clients, operators }) = callers else { return Ok(()) };
        write!(f, ", with clients {clients:?}")?;
        if *operators { f.write_str(" and the operators") } else { Ok(()) }
    }
}
