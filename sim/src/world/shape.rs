//! What a world is built of.

use std::collections::BTreeSet;

use conclave::{node::ReadLimits, proxy};

use crate::trace::Range;

/// The machines of a run and how they are set up. Spans are in simulated time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Seed of what is drawn during the run: latencies, timeouts, the scheduling of tasks.
    pub seed: u64,
    /// Nodes of the cluster, with ids 1, 2, ... Each entry is the node's priority.
    pub priorities: Vec<u32>,
    /// Proxies before it.
    pub proxies: u64,
    /// Clients before those.
    pub clients: u64,
    /// Latency of a message, drawn anew for each.
    pub latency_us: Range,
    /// Bandwidth between any two machines, in each direction. `None`: bytes take no time.
    pub bandwidth_bytes_per_s: Option<u64>,
    /// Time that a disk takes for a job, drawn anew for each.
    pub disk_us: Range,
    /// The nodes' heartbeat interval.
    pub heartbeat_ms: u64,
    /// The nodes' election timeout.
    pub election_timeout_ms: u64,
    /// How much of the past nodes keep.
    pub retention: Retention,
    /// How large answers are cut, and how much of them a proxy holds.
    pub answers: Answers,
    /// Who serves reads by lease.
    pub lease_reads: Leases,
    /// Every other time that a node comes up it is the other way round: an operator switches leases on and off.
    pub leases_switch: bool,
    /// What nodes that read by lease are told of their clocks: none is faster or slower than true time by more percent. Faults keep
    /// within 9 percent.
    pub stated_drift_percent: u32,
    /// Disks are damaged beyond what the system bears: it must not serve, or serve what is true.
    pub beyond: bool,
    /// This founder was told two addresses the wrong way round: the two that come first of the others'.
    pub swapped_peers: Option<u64>,
    /// Nodes keep about so many revisions of the past; none: all, until a client compacts.
    pub kept_revisions: Option<u32>,
}

/// Which nodes serve reads by lease: `true`, `false`, or their ids.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged, expecting = "lease_reads is true, false, or the ids of nodes")]
pub enum Leases {
    OfAll(bool),
    Of(BTreeSet<u64>),
}

impl Default for Leases {
    fn default() -> Self {
        Self::OfAll(false)
    }
}

impl Leases {
    fn are_off(&self) -> bool {
        match self {
            Self::OfAll(are_on) => !are_on,
            Self::Of(nodes) => nodes.is_empty(),
        }
    }

    fn are_on(&self, node: u64) -> bool {
        match self {
            Self::OfAll(are_on) => *are_on,
            Self::Of(nodes) => nodes.contains(&node),
        }
    }
}

/// How much of the past nodes keep: little of it makes snapshots frequent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// After so many entries a node makes its state durable.
    pub sync_entries: u64,
    /// A log of more entries is compacted.
    pub log_entries: u64,
    /// Snapshots travel in pieces of about this size.
    pub piece_bytes: u64,
    /// So many events of the past that were compacted are removed in one go.
    #[serde(default = "pruned_events")]
    pub pruned_events: u64,
}

/// As in production: what is compacted is hardly ever seen before it is removed.
fn pruned_events() -> u64 {
    256
}

impl Default for Retention {
    /// As much as in production: no run lives long enough for a snapshot.
    fn default() -> Self {
        Self {
            sync_entries: 50_000,
            log_entries: 200_000,
            piece_bytes: 512 << 10,
            pruned_events: pruned_events(),
        }
    }
}

/// How large answers are cut, and how much of them a proxy holds: little makes every range a large one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// A read that looks at more records is long.
    pub short_records: u64,
    /// Records that a long read looks at in its turn.
    pub slice_records: u64,
    /// Large answers travel in pieces of about this size.
    pub piece_bytes: u64,
    /// What all large answers together may hold at a proxy.
    pub held_bytes: u64,
}

impl Default for Answers {
    /// As in production.
    fn default() -> Self {
        let ReadLimits { short_records, slice_records, piece_bytes } = ReadLimits::default();
        Self {
            short_records: short_records as u64,
            slice_records: slice_records as u64,
            piece_bytes: piece_bytes as u64,
            held_bytes: proxy::Config::ANSWERS_BYTES_MAX as u64,
        }
    }
}

impl Shape {
    /// No node ever reads by lease: clocks may do what those who read so are told that clocks do not, jump or stand still.
    pub(crate) fn leases_are_off(&self) -> bool {
        self.lease_reads.are_off() && !self.leases_switch
    }

    /// Whether a node reads by lease that comes up for the first time (1), or for a later one.
    pub(super) fn reads_by_lease(&self, node: u64, start: u64) -> bool {
        self.lease_reads.are_on(node) != (self.leases_switch && start.is_multiple_of(2))
    }

    /// The ids of the nodes that found the cluster.
    pub fn founders(&self) -> impl Iterator<Item = u64> + use<> {
        1..=self.priorities.len() as u64
    }
}
