//! Nodes that were removed hear of it and stop by themselves: none is left waiting for a leader that never comes.

use super::waiting::{bound, wait_for};
use crate::{
    trace::MachineId,
    verdict::{Failure, Rule},
    world::World,
};

pub(super) async fn nodes_stop(world: &mut World) -> Result<(), Failure> {
    let bound = 2 * bound(world);
    wait_for(world, bound, Rule::RemovedNodesStop, |world| {
        let late = running_though_removed(world);
        let detail = format!("nodes {late:?} were removed and still run {bound:?} later");
        (!late.is_empty()).then_some((late, detail))
    })
    .await
}

/// Nodes that were members once, as they know, and whose process is still there. One that knows none of the members of
/// today can ask nobody, once those that left with it have stopped.
fn running_though_removed(world: &World) -> Vec<u64> {
    let oracle = &world.oracle;
    let today = oracle.configuration();
    let can_ask = |id: u64| oracle.configuration_of(id).members().any(|other| today.contains(other));
    let is_late = |&id: &u64| {
        world.machines.is_running(MachineId::Node(id)) && oracle.applied_by(id) > 0 && can_ask(id)
    };
    today.gone.iter().copied().filter(is_late).collect()
}
