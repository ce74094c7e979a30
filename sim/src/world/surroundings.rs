//! Who is disturbed, and by what: what the watch over availability is told of the world.

use std::{collections::BTreeMap, time::Duration};

use conclave_checks::{Availability, Bounds, Surroundings};

use super::{World, machine::Machine, now_ns};
use crate::trace::MachineId;

/// So much time passes between two looks: a fraction of any election timeout.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The watch over availability, and when it next looks.
pub(super) struct Watch {
    availability: Availability,
    looks_at: Duration,
}

/// What must go on is watched from now on.
pub(crate) fn watch_availability(world: &mut World, bounds: Bounds) {
    world.watch = Some(Watch { availability: Availability::new(bounds), looks_at: Duration::ZERO });
}

/// Looks whether what must go on does, if it is watched and time for that. What does not is a failure of the oracle's.
pub(crate) fn look_at_availability(world: &mut World) {
    let now = Duration::from_nanos(now_ns());
    let Some(mut watch) = world.watch.take_if(|watch| watch.looks_at <= now) else { return };
    watch.looks_at = now + LOOK_INTERVAL;
    let (conditions, machines) = (&world.conditions, &world.machines.machines);
    let around = Surroundings {
        now,
        undisturbed: undisturbed_nodes(world),
        is_sound: &|from, to| conditions.is_sound_line(MachineId::Node(from), MachineId::Node(to)),
        may_arrive: &|from, to| conditions.may_arrive(MachineId::Node(from), MachineId::Node(to)),
        runs: &|id| machines.get(&MachineId::Node(id)).is_some_and(is_at_work),
        is_changing: world.operators.are_changing_members() || !world.has_true_addresses(),
    };
    watch.availability.look(&world.oracle, &around);
    world.watch = Some(watch);
}

/// The nodes whose machines run as they should, each with the number of its disturbances so far.
fn undisturbed_nodes(world: &World) -> BTreeMap<u64, u64> {
    if world.conditions.is_everybody_disturbed() {
        return BTreeMap::new();
    }
    let nodes = world.machines.introduced_nodes().filter_map(|id| {
        let machine = world.machines.machines.get(&MachineId::Node(id))?;
        let is_well = is_undisturbed(machine) && !world.conditions.is_disturbed(machine.id);
        is_well.then_some((id, machine.disturbances))
    });
    nodes.collect()
}

/// Its process is at work, and not that of another cluster.
fn is_at_work(machine: &Machine) -> bool {
    machine.is_running() && !machine.is_paused && !machine.is_foreign
}

/// It is not about to stop either, nor may it find its disk damaged.
fn is_undisturbed(machine: &Machine) -> bool {
    is_at_work(machine) && !machine.is_stopping() && !machine.is_damaged && !machine.disk.has_failed()
}
