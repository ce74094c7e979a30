//! Who is disturbed, and by what: what the watch over availability is told of the world.

use std::{collections::BTreeMap, time::Duration};

use conclave_checks::{Availability, Bounds, Surroundings};

use super::{World, now_ns};
use crate::trace::MachineId;

/// So much time passes between two looks: a fraction of any election timeout.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The watch over availability, and when it next looks.
pub(super) struct Watch {
    availability: Availability,
    looks_at: Duration,
}

impl World {
    /// What must go on is watched from now on.
    pub(crate) fn watch_availability(&mut self, bounds: Bounds) {
        self.watch = Some(Watch { availability: Availability::new(bounds), looks_at: Duration::ZERO });
    }

    /// Looks whether what must go on does, if it is time for that. What does not is a failure of the oracle's.
    pub(crate) fn look_at_availability(&mut self) {
        let now = Duration::from_nanos(now_ns());
        let Some(mut watch) = self.watch.take_if(|watch| watch.looks_at <= now) else { return };
        watch.looks_at = now + LOOK_INTERVAL;
        let around = Surroundings {
            now,
            undisturbed: self.undisturbed_nodes(),
            is_sound: &|from, to| self.conditions.is_sound_line(MachineId::Node(from), MachineId::Node(to)),
            may_arrive: &|from, to| self.conditions.may_arrive(MachineId::Node(from), MachineId::Node(to)),
            runs: &|id| self.machines.is_at_work(MachineId::Node(id)),
            is_changing: self.operators.are_changing_members() || !self.has_true_addresses(),
        };
        watch.availability.look(&self.oracle, &around);
        self.watch = Some(watch);
    }

    /// The nodes whose machines run as they should, each with the number of its disturbances so far.
    fn undisturbed_nodes(&self) -> BTreeMap<u64, u64> {
        if self.conditions.is_everybody_disturbed() {
            return BTreeMap::new();
        }
        let nodes = self.machines.introduced_nodes().filter_map(|id| {
            let machine = MachineId::Node(id);
            let disturbances = self.machines.undisturbed(machine)?;
            (!self.conditions.is_disturbed(machine)).then_some((id, disturbances))
        });
        nodes.collect()
    }
}
