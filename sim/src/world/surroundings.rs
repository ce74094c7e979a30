//! Who is disturbed, and by what: what the watch over availability is told of the world.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use conclave::env::Routing;
use conclave_checks::{Availability, Bounds, Oracle, Proxy, Stretches, Surroundings};

use super::{
    conditions::Conditions, instruments::Instruments, machine::Machine, machines::Machines, shape::Shape,
};
use crate::trace::{Condition, MachineId};

/// So much time passes between two looks: a fraction of any election timeout.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The watch over availability, and when it next looks.
pub(crate) struct Watch {
    availability: Availability,
    looks_at: Duration,
    /// Each line carries so many bytes a second at most, from the beginning to the end.
    are_lines_narrow: bool,
    /// The lines on which something has held since the last look, be it over by the next one: a connection that broke in between is
    /// not back at once.
    passing: BTreeSet<(MachineId, MachineId)>,
}

impl Watch {
    /// What must go on is watched from now on.
    pub(crate) fn new(bounds: Bounds, shape: &Shape) -> Self {
        Self {
            availability: Availability::new(bounds),
            looks_at: Duration::ZERO,
            are_lines_narrow: shape.bandwidth_bytes_per_s.is_some(),
            passing: BTreeSet::new(),
        }
    }

    /// This holds from now on, for however short a time.
    pub(super) fn hold(&mut self, condition: Condition) {
        self.passing.extend(condition.line());
    }

    /// How long things took that have a bound.
    pub(crate) fn stretches(&self) -> &Stretches {
        self.availability.stretches()
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.looks_at <= now
    }

    /// Looks whether what must go on does. What does not is a failure of the oracle's.
    pub(super) fn look(
        &mut self,
        now: Duration,
        conditions: &Conditions,
        machines: &Machines,
        instruments: &Instruments,
        oracle: &Oracle,
        is_changing: bool,
    ) {
        self.looks_at = now + LOOK_INTERVAL;
        let node = |id| machines.machines.get(&MachineId::Node(id));
        let passing = std::mem::take(&mut self.passing);
        let is_sound = |from, to| conditions.is_sound_line(from, to) && !passing.contains(&(from, to));
        let is_reached = |proxy, node| {
            let (proxy, node) = (MachineId::Proxy(proxy), MachineId::Node(node));
            is_sound(proxy, node) && is_sound(node, proxy)
        };
        let around = Surroundings {
            now,
            undisturbed: undisturbed_nodes(conditions, machines, instruments),
            is_sound: &|from, to| is_sound(MachineId::Node(from), MachineId::Node(to)),
            may_arrive: &|from, to| conditions.may_arrive(MachineId::Node(from), MachineId::Node(to)),
            answers_late: &|id| conditions.has_slow_disk(MachineId::Node(id)),
            runs: &|id| node(id).is_some_and(is_at_work),
            is_stopping: &|id| node(id).is_some_and(is_to_end),
            is_held_up: &|id| instruments.held_up(MachineId::Node(id)).is_none(),
            are_lines_narrow: self.are_lines_narrow,
            is_changing,
            proxies: undisturbed_proxies(conditions, machines, instruments, oracle, &is_reached),
            is_reached: &is_reached,
        };
        self.availability.look(oracle, &around);
    }
}

/// The nodes whose machines run as they should, each with the number of its disturbances so far.
fn undisturbed_nodes(
    conditions: &Conditions,
    machines: &Machines,
    instruments: &Instruments,
) -> BTreeMap<u64, u64> {
    if conditions.is_everybody_disturbed() {
        return BTreeMap::new();
    }
    let nodes = machines.introduced_nodes().filter_map(|id| {
        let machine = machines.machines.get(&MachineId::Node(id))?;
        let is_well = is_undisturbed(machine) && !conditions.is_disturbed(machine.id);
        let held_up = instruments.held_up(machine.id).filter(|_| is_well)?;
        Some((id, machine.disturbances + held_up))
    });
    nodes.collect()
}

/// The proxies whose machines run as they should, and that reach enough of the nodes that they were told of to know which cluster is
/// meant.
fn undisturbed_proxies(
    conditions: &Conditions,
    machines: &Machines,
    instruments: &Instruments,
    oracle: &Oracle,
    is_reached: &dyn Fn(u64, u64) -> bool,
) -> BTreeMap<u64, Proxy> {
    if conditions.is_everybody_disturbed() {
        return BTreeMap::new();
    }
    let proxies = machines.machines.values().filter_map(|machine| {
        let MachineId::Proxy(id) = machine.id else { return None };
        let is_well = is_undisturbed(machine) && !conditions.is_disturbed(machine.id);
        // Who has applied nothing may not know itself which cluster it belongs to.
        let speaks = |node| {
            is_reached(id, node)
                && machines.machines.get(&MachineId::Node(node)).is_some_and(is_at_work)
                && oracle.applied_by(node) > 0
        };
        let knows_enough = is_well && machines.programs.proxy_knows_most(id, speaks);
        let (at, routing) = machines.programs.routings.of(id).filter(|_| knows_enough)?;
        let Routing { leader, linked, first_wait } = routing;
        let asked = first_wait.map(|wait| at.saturating_sub(wait));
        let number = machine.disturbances + instruments.held_up(machine.id)?;
        Some((id, Proxy { number, leader, linked, asked }))
    });
    proxies.collect()
}

/// Its process is at work, and not that of another cluster.
fn is_at_work(machine: &Machine) -> bool {
    machine.is_running() && !machine.is_paused && !machine.is_foreign
}

/// It was told to stop, or stops for its disk, which it may have to wait for.
fn is_to_end(machine: &Machine) -> bool {
    machine.is_stopping() || machine.disk.has_failed()
}

/// It is not about to stop either, nor may it find its disk damaged.
fn is_undisturbed(machine: &Machine) -> bool {
    is_at_work(machine) && !is_to_end(machine) && !machine.is_damaged
}
