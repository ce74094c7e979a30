//! What a run came to.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// The outcome of one run, and its figures.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The seed that it was replayed from.
    pub seed: u64,
    /// The hash of its trace: the same seed gives the same hash.
    pub trace_hash: u64,
    /// What went wrong, if anything did.
    pub failure: Option<Failure>,
    /// Its figures.
    pub figures: Figures,
    /// The latest events of the trace (all of them in a replay), for a report.
    pub story: Vec<String>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which promise broke: the same promise means the same kind of failure.
    pub class: Class,
    /// In words.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:?}) {}", self.class, self.what)
    }
}

/// The promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// An invariant of the consensus, of durability or of the state machine.
    Invariant,
    /// The clients' history has no linear order.
    Linearizability,
    /// No progress after everything was healed.
    Progress,
    /// The nodes' states differ in the end.
    Convergence,
    /// Code panicked.
    Panic,
    /// A node stopped by itself although its disk was well.
    Stopped,
}

/// The figures of a run; those of many add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Faults that struck, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Operations of clients, by what they were told.
    pub operations: BTreeMap<&'static str, u64>,
}

impl Figures {
    /// Adds another run's figures.
    pub fn add(&mut self, other: &Figures) {
        self.simulated_ns += other.simulated_ns;
        self.elections += other.elections;
        self.snapshots += other.snapshots;
        self.committed += other.committed;
        self.events += other.events;
        for (kind, count) in &other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        for (outcome, count) in &other.operations {
            *self.operations.entry(outcome).or_default() += count;
        }
    }
}
