//! The reference load: scenarios that do not change with the generator, by which the testbed's own speed is measured.

use std::collections::BTreeSet;

use super::{About, Ending, Scenario, agenda, file};
use crate::{
    faults::Fault,
    trace::Range,
    workload::{Spans, Workload},
    world::{Answers, Knobs, Leases, Rates, Retention, Shape},
};

/// How much of the reference load a scenario has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Five nodes and two proxies that nobody asks for anything.
    Idle,
    /// Six clients, about a hundred operations a second together.
    Clients,
    /// The same while faults of all families strike; but for floods, which are another load.
    Faults,
}

const CHAOS_MS: u64 = 20_000;

/// A scenario with the reference load.
pub fn reference(seed: u64, load: Load) -> Scenario {
    let shape = Shape {
        seed,
        priorities: vec![0; 5],
        proxies: 2,
        clients: if load == Load::Idle { 0 } else { 6 },
        latency_us: Range { low: 200, high: 2_000 },
        bandwidth_bytes_per_s: None,
        disk_us: Range { low: 200, high: 2_000 },
        heartbeat_ms: 50,
        election_timeout_ms: 300,
        retention: Retention { sync_entries: 250, log_entries: 1_000, ..Retention::default() },
        answers: Answers::default(),
        lease_reads: Leases::default(),
        leases_switch: false,
        stated_drift_percent: file::stated_drift(),
        beyond: false,
        swapped_peers: None,
        kept_revisions: None,
    };
    let mut faults = if load == Load::Faults { agenda::faults(&shape, CHAOS_MS) } else { Vec::new() };
    faults.retain(|timed| !matches!(timed.fault, Fault::Flood(_)));
    Scenario {
        shape,
        // With 5 ms for an operation, each of the six begins one every 60 ms.
        workload: Workload {
            keys: 20,
            reads_percent: 50,
            deletes_percent: 5,
            past_percent: 0,
            compactions_percent: 0,
            hot_percent: 0,
            spans: Spans::default(),
            open_loops: 0,
            asks_anew: false,
            writes_end_ms: None,
            is_pinned: false,
            pause_ms: Range { low: 30, high: 80 },
            patience_ms: 2_000,
            large: None,
        },
        chaos_ms: CHAOS_MS,
        faults,
        ending: Ending::default(),
        schedule: None,
        buggify: Rates::default(),
        knobs: Knobs::default(),
        reaches: BTreeSet::new(),
        about: About::default(),
    }
}
