//! What is counted in runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{probes::Probe, world::Fired};

/// The figures of a run; those of many add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Figures {
    /// Nanoseconds of simulated time.
    pub simulated_ns: u64,
    /// Leaders elected.
    pub elections: u64,
    /// Snapshots that took the place of a state.
    pub snapshots: u64,
    /// Entries committed.
    pub committed: u64,
    /// Events in the trace.
    pub events: u64,
    /// Faults that struck something, by name.
    pub faults: BTreeMap<String, u64>,
    /// Faults that found nothing to strike, by name.
    pub missed: BTreeMap<String, u64>,
    /// Operations of clients, by what they were told.
    pub operations: BTreeMap<String, u64>,
    /// Nanoseconds until healed cores had a leader, one of each run that had.
    pub to_leader_ns: Vec<u64>,
    /// Nanoseconds until the first write in them.
    pub to_first_write_ns: Vec<u64>,
    /// Nanoseconds for which it was looked at availability; and of that, for which undisturbed voters that are a quorum were followed, and
    /// for which it was looked at how a leader serves.
    pub watched_ns: u64,
    pub followed_ns: u64,
    pub served_ns: u64,
    /// Nanoseconds for which undisturbed voters that were a quorum had no leader which commits, one of each stretch that ended, while
    /// faults lasted elsewhere.
    pub without_leader_ns: Vec<u64>,
    /// Nanoseconds for which a leader that heard no quorum led on, until it stepped down.
    pub without_quorum_ns: Vec<u64>,
    /// Machines that stayed outside of a core, by what became of them.
    pub outsiders: BTreeMap<String, u64>,
    /// The rare states that were reached, and in how many runs.
    pub probes: BTreeMap<Probe, u64>,
    /// The knobs that were set, and in how many runs.
    pub knobs: BTreeMap<String, u64>,
    /// The points that were switched on, by name.
    pub buggify: BTreeMap<String, Fired>,
}

impl Figures {
    /// Adds another run's figures.
    pub fn add(&mut self, other: &Figures) {
        self.simulated_ns += other.simulated_ns;
        self.elections += other.elections;
        self.snapshots += other.snapshots;
        self.committed += other.committed;
        self.events += other.events;
        self.to_leader_ns.extend(&other.to_leader_ns);
        self.to_first_write_ns.extend(&other.to_first_write_ns);
        self.watched_ns += other.watched_ns;
        self.followed_ns += other.followed_ns;
        self.served_ns += other.served_ns;
        self.without_leader_ns.extend(&other.without_leader_ns);
        self.without_quorum_ns.extend(&other.without_quorum_ns);
        add(&mut self.outsiders, &other.outsiders);
        add(&mut self.faults, &other.faults);
        add(&mut self.missed, &other.missed);
        add(&mut self.operations, &other.operations);
        add(&mut self.knobs, &other.knobs);
        for (probe, runs) in &other.probes {
            *self.probes.entry(*probe).or_default() += runs;
        }
        for (point, Fired { asked, fired }) in &other.buggify {
            let counted = self.buggify.entry(point.clone()).or_default();
            counted.asked += asked;
            counted.fired += fired;
        }
    }
}

fn add(counts: &mut BTreeMap<String, u64>, others: &BTreeMap<String, u64>) {
    for (name, count) in others {
        *counts.entry(name.clone()).or_default() += count;
    }
}
