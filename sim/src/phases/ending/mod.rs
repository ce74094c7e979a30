//! A quorum core is healed, and must get on alone: elect a leader, serve its clients, agree. What is broken outside of it stays so
//! until then. In many runs everything is healed at once, and the core is all there is.
//!
//! | file | idea |
//! | --- | --- |
//! | `core.rs` | who belongs to it, and what is healed |
//! | `progress.rs` | what it must come to, and why it did not |
//! | `bounds.rs` | how long that may take |

pub(crate) mod bounds;
mod core;
mod progress;

use self::core::Core;
use super::chaos::Lasting;
use crate::{
    scenario::{Ending, Outside, Outsider, Scenario},
    trace::{Event, MachineId, Phase},
    verdict::{Failure, Times},
    world::World,
};

/// Heals a core, has it judged, and then heals everything. Without a core that could get on alone everything is healed at once.
pub(super) async fn ending(
    world: &mut World,
    scenario: &Scenario,
    lasting: Lasting,
    times: &mut Times,
) -> Result<(), Failure> {
    world.machines.disarm_disks();
    world.operators.notice_everything();
    world.rolling.end(&mut world.machines);
    let outsiders = outsiders(world, &scenario.ending);
    let Some(core) = Core::choose(world, &outsiders) else {
        lasting.heal(world);
        return Ok(());
    };
    world.recorder.record(Event::Phase(Phase::Ending));
    let staying = core.heal(world, &outsiders, lasting);
    progress::judge(world, &core, &staying.conditions(), &scenario.workload, times).await?;
    staying.heal(world);
    Ok(())
}

/// Who is left outside, in this order: first who leads, if it is to be; each once.
fn outsiders(world: &World, ending: &Ending) -> Vec<(MachineId, Outside)> {
    let leader = world.oracle.leader().map(MachineId::Node);
    let mut outsiders: Vec<(MachineId, Outside)> = leader.zip(ending.leader).into_iter().collect();
    for &Outsider { machine, fate } in &ending.outsiders {
        let machine = machine.machine(world);
        if let Some(machine) = machine.filter(|machine| outsiders.iter().all(|(it, _)| it != machine)) {
            outsiders.push((machine, fate));
        }
    }
    outsiders
}

#[cfg(test)]
pub(crate) mod tests;
