//! What a world is built of.

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
    /// Time that a disk takes for a job, drawn anew for each.
    pub disk_us: Range,
    /// The nodes' heartbeat interval.
    pub heartbeat_ms: u64,
    /// The nodes' election timeout.
    pub election_timeout_ms: u64,
    /// How much of the past nodes keep.
    pub retention: Retention,
    /// Nodes serve reads by lease.
    pub lease_reads: bool,
    /// Nodes keep about so many revisions of the past; none: all, until a client compacts.
    pub kept_revisions: Option<u32>,
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

impl Shape {
    /// The ids of the nodes that found the cluster.
    pub fn founders(&self) -> impl Iterator<Item = u64> + use<> {
        1..=self.priorities.len() as u64
    }
}
