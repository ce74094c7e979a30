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

/// Some machines of a kind by their numbers; none: nothing.
pub(super) fn named(kind: &str, numbers: &[u64]) -> String {
    match numbers {
        [] => String::new(),
        [one] => format!("{} {one}", kind.trim_end_matches('s').replace("proxie", "proxy")),
        several => format!("{kind} {several:?}"),
    }
}

/// A side in words: some machines of a kind, and proxies if there are any.
pub(super) fn side(first: &str, proxies: &[u64]) -> String {
    match &named("proxies", proxies)[..] {
        "" => first.to_owned(),
        proxies => format!("{first} and {proxies}"),
    }
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
        let Some(callers) = callers else { return Ok(()) };
        match callers.machines().is_empty() {
            true => f.write_str(", with no client"),
            false => write!(f, ", with {callers}"),
        }
    }
}

impl fmt::Display for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operators = if self.operators { "the operators" } else { "" };
        let named = [named("clients", &self.clients), operators.to_owned()];
        f.write_str(
            &named.iter().filter(|it| !it.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" and "),
        )
    }
}
