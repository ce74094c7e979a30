//! A scenario is data: everything a run will do is decided before it begins, and can be stored, edited and replayed.

use serde::{Deserialize, Serialize};

/// Everything a run will do. Spans are in milliseconds of simulated time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// Seed of what is drawn during the run: latencies, timeouts, the scheduling of tasks.
    pub seed: u64,
    /// Nodes of the cluster, with ids 1, 2, ... Each entry is the node's priority.
    pub priorities: Vec<u32>,
    /// Proxies before it.
    pub proxies: u64,
    /// Clients before those.
    pub clients: u64,
    /// How long clients work and faults strike, before everything is healed.
    pub chaos_ms: u64,
    /// Latency of a message, drawn anew for each.
    pub latency_us: Range,
    /// Time that a disk takes for a job, drawn anew for each.
    pub disk_us: Range,
    /// The nodes' heartbeat interval.
    pub heartbeat_ms: u64,
    /// The nodes' election timeout.
    pub election_timeout_ms: u64,
    /// How much of the past nodes keep.
    #[serde(default)]
    pub retention: Retention,
    /// Nodes serve reads by lease.
    #[serde(default)]
    pub lease_reads: bool,
    /// What clients do.
    pub workload: Workload,
    /// What goes wrong, in order of time.
    pub faults: Vec<Fault>,
}

/// How much of the past nodes keep: little of it makes snapshots frequent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// After so many entries a node makes its state durable.
    pub sync_entries: u64,
    /// A log of more entries is compacted.
    pub log_entries: u64,
    /// Snapshots travel in pieces of about this size.
    pub piece_bytes: u64,
}

impl Default for Retention {
    /// As much as in production: no run lives long enough for a snapshot.
    fn default() -> Self {
        Self { sync_entries: 50_000, log_entries: 200_000, piece_bytes: 512 << 10 }
    }
}

/// From `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Range {
    /// The least.
    pub low: u64,
    /// The most.
    pub high: u64,
}

/// What clients do: each one operation after another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Keys that they share.
    pub keys: u64,
    /// Percentage of reads.
    pub reads_percent: u64,
    /// Percentage of deletes; the rest are puts.
    pub deletes_percent: u64,
    /// Pause between two operations of a client.
    pub pause_ms: Range,
    /// How long a client waits for an answer.
    pub patience_ms: u64,
}

/// One fault: it strikes at a time, and heals after a span.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// When it strikes.
    pub at_ms: u64,
    /// How long until it heals.
    pub for_ms: u64,
    /// What it is.
    pub kind: Kind,
}

/// What can go wrong. Nodes are named by their ids, proxies and clients by their numbers from 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The process dies; what it gave to its operating system survives.
    Crash {
        /// Who.
        node: u64,
    },
    /// The machine dies: unsynced writes are lost, kept or torn.
    PowerLoss {
        /// Who.
        node: u64,
    },
    /// The machine dies in the middle of the n-th next sync of its disk.
    PowerLossInSync {
        /// Who.
        node: u64,
        /// Which sync from now on; 0 is the next.
        nth: u64,
    },
    /// Every machine dies at once.
    Blackout,
    /// The process stands still, and goes on later as if nothing had been.
    Pause {
        /// Who.
        node: u64,
    },
    /// The nodes and proxies of one side do not reach the others, nor are they reached.
    Partition {
        /// The nodes of one side.
        side: Vec<u64>,
        /// Its proxies.
        #[serde(default)]
        proxies: Vec<u64>,
    },
    /// The node that leads when it strikes is cut off: with these proxies, which know of no other leader.
    IsolatedLeader {
        /// The proxies on its side.
        proxies: Vec<u64>,
    },
    /// What one node sends does not arrive at the other; the way back is open.
    CutOneWay {
        /// The sender.
        from: u64,
        /// The receiver.
        to: u64,
    },
    /// A node hears nobody, or is heard by nobody.
    Deaf {
        /// Who.
        node: u64,
        /// True: it hears nobody. False: nobody hears it.
        inbound: bool,
    },
    /// Every message takes this much longer, up to the bound.
    SlowNetwork {
        /// The latency while it lasts.
        latency_us: Range,
    },
    /// A node's disk takes this long for a job, drawn anew for each.
    SlowDisk {
        /// Who.
        node: u64,
        /// The time while it lasts.
        disk_us: Range,
    },
    /// The process is told to stop, and hands leadership over before it does.
    Stop {
        /// Who.
        node: u64,
    },
    /// An operator asks for this leader.
    Transfer {
        /// Who is to lead.
        to: u64,
    },
    /// An operator puts a new node in the place of another.
    Replace {
        /// Who goes for ever.
        node: u64,
        /// Who comes: an id that no other fault names.
        new: u64,
    },
    /// An operator adds a new node.
    Join {
        /// Who comes: an id that no other fault names.
        new: u64,
        /// It has no say.
        learner: bool,
    },
    /// An operator removes a node.
    Leave {
        /// Who goes for ever.
        node: u64,
    },
    /// A proxy's process dies.
    ProxyCrash {
        /// Which.
        proxy: u64,
    },
    /// A client dies as by Ctrl+C, in mid-work; another takes its place when it heals.
    ClientCrash {
        /// Which.
        client: u64,
    },
}

impl Kind {
    /// The fault's name, for reports.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Crash { .. } => "crash",
            Kind::PowerLoss { .. } => "power-loss",
            Kind::PowerLossInSync { .. } => "power-loss-in-sync",
            Kind::Blackout => "blackout",
            Kind::Pause { .. } => "pause",
            Kind::Partition { .. } => "partition",
            Kind::IsolatedLeader { .. } => "isolated-leader",
            Kind::CutOneWay { .. } => "cut-one-way",
            Kind::Deaf { .. } => "deaf",
            Kind::SlowNetwork { .. } => "slow-network",
            Kind::SlowDisk { .. } => "slow-disk",
            Kind::Stop { .. } => "stop",
            Kind::Transfer { .. } => "transfer",
            Kind::Replace { .. } => "replace",
            Kind::Join { .. } => "join",
            Kind::Leave { .. } => "leave",
            Kind::ProxyCrash { .. } => "proxy-crash",
            Kind::ClientCrash { .. } => "client-crash",
        }
    }
}

impl Scenario {
    /// The ids of the nodes that found the cluster.
    pub fn founders(&self) -> impl Iterator<Item = u64> + use<> {
        1..=self.priorities.len() as u64
    }

    /// The ids of the nodes that come later.
    pub fn newcomers(&self) -> impl Iterator<Item = u64> {
        self.faults.iter().filter_map(|fault| match fault.kind {
            Kind::Replace { new, .. } | Kind::Join { new, .. } => Some(new),
            _ => None,
        })
    }
}
