//! What is looked after in every phase.

use std::time::Duration;

use conclave_checks::Standings;
use madsim::time::sleep;

use crate::{
    trace::MachineId,
    verdict::{Failure, Rule},
    world::{World, look_at_availability, now_ns},
};

/// How often the run looks at its world: fine enough for faults, coarse enough to cost nothing.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Carries out power losses that are due, and looks for broken rules.
pub(super) fn look(world: &mut World) -> Result<(), Failure> {
    world.machines.tend();
    world.end_stalls();
    look_at_availability(world);
    if let Some(failure) = world.oracle.failure() {
        return Err(failure.into());
    }
    let ended = world.machines.reap();
    world.rolling.go_on(&mut world.machines);
    match ended {
        None => Ok(()),
        Some(machine) => {
            let what = if matches!(machine, MachineId::Node(_)) { " although it is a member" } else { "" };
            let detail = format!("{machine} ended by itself{what}");
            Err(Failure::new(Rule::ProcessesRunOn, [machine], detail))
        }
    }
}

/// Lets a little time pass, and looks.
pub(super) async fn pass(world: &mut World) -> Result<(), Failure> {
    sleep(LOOK_INTERVAL).await;
    look(world)
}

/// Lets time pass until this moment of the run.
pub(super) async fn pass_until(world: &mut World, at_ms: u64) -> Result<(), Failure> {
    let at_ns = at_ms * 1_000_000;
    while now_ns() < at_ns {
        sleep(LOOK_INTERVAL.min(Duration::from_nanos(at_ns - now_ns()))).await;
        look(world)?;
    }
    Ok(())
}

/// What keeps these nodes from getting on, in words.
pub(super) fn what_is_missing(world: &World, nodes: &[u64]) -> String {
    Standings::of(&world.oracle).what_is_missing(nodes, |id| world.machines.is_running(MachineId::Node(id)))
}
