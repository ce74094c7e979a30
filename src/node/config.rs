//! What a node is told.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use rand::Rng;

use crate::{
    env::{Environment, Knob, knob},
    raft::{
        CAUGHT_UP_ENTRIES, COMPACTION_STEP, ClusterId, Configuration, Incarnation, Index, Lease, NodeId,
        Options, Window,
    },
    rpc::{Security, ServerLimits, outbox::BATCH_BYTES_MAX},
};

/// Entries in one append message, by size: as much as travels in one batch.
const APPEND_BYTES_MAX: usize = BATCH_BYTES_MAX;

/// Entries that the log may grow by while a node catches up, however short it is else: what is written in half a minute at
/// 20,000 a second, while a state at its quota travels.
const CATCHING_UP_ENTRIES_MIN: usize = 600_000;
/// Bytes of entries, likewise: without room for what is written while the state travels a node would need one snapshot after
/// another, for ever.
const CATCHING_UP_BYTES_MIN: usize = 768 << 20;

/// What a node is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the cluster: nodes and proxies of another one are refused.
    pub cluster: String,
    /// This node.
    pub id: NodeId,
    /// Where it serves peers and proxies.
    pub listen: SocketAddr,
    /// The nodes that found the cluster, this one included, as `host:port`. Empty: this one joins a cluster that
    /// others founded, once it is added there.
    pub peers: BTreeMap<NodeId, String>,
    /// `peers` says where members are reached even if the cluster's configuration says otherwise: all addresses have
    /// changed at once, so that nobody is found where the configuration says.
    pub peers_override: bool,
    /// A node of higher priority is preferred as leader, and handed the lead when it is up to date.
    pub priority: u32,
    /// How fast failures are noticed.
    pub timing: Timing,
    /// How much of the past is kept.
    pub retention: Retention,
    /// How reads are cut.
    pub reads: ReadLimits,
    /// What is done to keep the state small.
    pub upkeep: Upkeep,
    /// Reads are served by lease, for no clock of the cluster runs fast or slow by more than this. `None`: they are
    /// not, and nothing rests on clocks.
    pub lease_drift_percent: Option<u32>,
    /// How its connections are secured, both ways.
    pub security: Security,
    /// What its server takes.
    pub server_limits: ServerLimits,
}

#[cfg(all(test, not(madsim)))]
impl Config {
    /// Of a node that joins, with nothing said otherwise.
    pub(super) fn plain(id: NodeId) -> Self {
        Self {
            cluster: "test".to_owned(),
            id,
            listen: ([127, 0, 0, 1], 0).into(),
            peers: BTreeMap::new(),
            peers_override: false,
            priority: 0,
            timing: Timing::default(),
            retention: Retention::default(),
            reads: ReadLimits::default(),
            upkeep: Upkeep::default(),
            lease_drift_percent: None,
            security: Security::default(),
            server_limits: ServerLimits::default(),
        }
    }
}

/// How much of the past is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// After so many entries the state is made durable: a restart replays no more.
    pub sync_entries: usize,
    /// Or when its changes take so much in memory, or the entries that made them a quarter of the lower of the two limits of bytes
    /// below; twice as much at most, while the disk lags behind.
    pub sync_bytes: usize,
    /// A log of more entries is compacted. A node that lags further behind is sent the state instead.
    pub log_entries_max: usize,
    /// A heavier log is compacted too.
    pub log_bytes_max: usize,
    /// Bytes of committed entries that may wait for the state to be durable: a follower takes no more.
    pub backlog_bytes_max: usize,
    /// The state travels to another node at this pace, to leave room for everything else.
    pub snapshot_bytes_per_second: usize,
    /// In pieces of about this size, which grow with the pace.
    pub snapshot_piece_bytes: usize,
    /// So many events of the past that were compacted are removed in one go, or twice as many as there were entries to
    /// apply: so what writes leave behind never gathers. While it lasts nobody reads.
    pub pruned_events: usize,
}

impl Retention {
    /// Bytes of entries after which the state is made durable. Fewer may wait for what follows, however long that takes.
    pub(super) fn sync_log_bytes(&self) -> usize {
        self.log_bytes_max.min(self.backlog_bytes_max) / 4
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            sync_entries: 50_000,
            sync_bytes: knob(Knob::SyncBytes, 64 << 20),
            log_entries_max: 200_000,
            log_bytes_max: knob(Knob::LogBytes, 256 << 20),
            backlog_bytes_max: knob(Knob::BacklogBytes, 256 << 20),
            snapshot_bytes_per_second: knob(Knob::SnapshotBytesPerS, 64 << 20),
            snapshot_piece_bytes: 512 << 10,
            pruned_events: 256,
        }
    }
}

/// Sizes of what is done at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// A read that looks at more records is long: applying waits for a short one, for less than a millisecond.
    pub short_records: usize,
    /// Records that a long read looks at before it is another's turn.
    pub slice_records: usize,
    /// A larger answer travels in pieces of about this size: small beside what a link has under way, so that what is
    /// urgent does not wait for long.
    pub piece_bytes: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { short_records: 1_000, slice_records: 10_000, piece_bytes: 256 << 10 }
    }
}

/// What a leader does to keep the state small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// The past is compacted without being asked. `None`: only by request.
    pub auto_compaction: Option<AutoCompaction>,
    /// When the records of the state, those of the past included, weigh so much, nothing more is put. It counts the
    /// bytes of keys and values, and so is equal on all nodes.
    pub quota_bytes: u64,
}

impl Default for Upkeep {
    fn default() -> Self {
        Self { auto_compaction: None, quota_bytes: 2 << 30 }
    }
}

/// How much of the past is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCompaction {
    /// About so many revisions.
    Revisions(i64),
    /// What was the present not longer ago than this, as long as one node leads.
    Age(Duration),
}

/// How fast failures are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A leader says so this often.
    pub heartbeat: Duration,
    /// A leader's silence that makes a follower campaign: between this and twice this, drawn anew each time.
    pub election_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { heartbeat: Duration::from_millis(30), election_timeout: Duration::from_millis(150) }
    }
}

impl Timing {
    /// The core's unit of time: fine enough to tell heartbeats and timeouts apart. Three of them are not shorter than a heartbeat, which
    /// would take four then.
    pub fn tick(&self) -> Duration {
        Duration::from_nanos(self.heartbeat.as_nanos().div_ceil(3) as u64)
    }

    fn tick_us(&self) -> u64 {
        self.tick().as_micros() as u64
    }

    /// The longest election timeout in ticks, which is twice the shortest.
    pub(super) fn election_ticks_max(&self) -> u32 {
        self.ticks(self.election_timeout * 2)
    }

    /// A span in ticks, the last one begun.
    pub(super) fn ticks(&self, span: Duration) -> u32 {
        span.as_nanos().div_ceil(self.tick().as_nanos().max(1)) as u32
    }
}

impl Config {
    /// The configuration of a cluster that starts: every peer votes.
    pub(super) fn bootstrap(&self) -> Configuration {
        Configuration { addresses: self.peers.clone(), ..Configuration::of(self.peers.keys().copied()) }
    }

    /// Where a member is reached: as the cluster's configuration says. What this node was told at its start holds for whom
    /// that does not name.
    pub(super) fn address_of<'a>(
        &'a self,
        id: NodeId,
        configuration: &'a Configuration,
    ) -> Option<&'a String> {
        let (told, known) = (self.peers.get(&id), configuration.addresses.get(&id));
        if self.peers_override { told.or(known) } else { known.or(told) }
    }

    /// Where this node says that it is reached. A configuration without it takes nothing back: what it was told at its start may be long
    /// out of date.
    pub(super) fn own_address<'a>(&'a self, configuration: &'a Configuration) -> Option<&'a String> {
        let (told, known) = (self.peers.get(&self.id), configuration.addresses.get(&self.id));
        if self.peers_override { told.or(known) } else { known }
    }

    /// How reads are served by lease, if they are.
    pub(super) fn lease(&self) -> Option<Lease> {
        let ticks = self.timing.ticks(self.timing.election_timeout);
        self.lease_drift_percent.map(|drift| Lease::new(ticks, self.timing.tick_us(), drift))
    }

    /// For how long a node that comes up is bound by a promise of so many microseconds.
    pub(super) fn promised_ticks(&self, promise_us: u64) -> u32 {
        Lease::ticks_of(promise_us, self.timing.tick_us())
    }

    /// With a data directory of this incarnation.
    pub(super) fn raft_options(&self, environment: &Environment, incarnation: Incarnation) -> Options {
        // 0 stands for none.
        let founding_id = environment.random("cluster id").random_range(1..=ClusterId::MAX);
        Options {
            id: self.id,
            heartbeat_ticks: self.timing.ticks(self.timing.heartbeat),
            election_ticks_min: self.timing.ticks(self.timing.election_timeout),
            election_ticks_max: self.timing.election_ticks_max(),
            priority: self.priority,
            append_bytes_max: knob(Knob::AppendBytes, APPEND_BYTES_MAX),
            log_entries_max: self.retention.log_entries_max,
            log_bytes_max: self.retention.log_bytes_max,
            catching_up_entries: knob(Knob::CatchingUpEntries, CATCHING_UP_ENTRIES_MIN)
                .max(self.retention.log_entries_max.saturating_mul(3)),
            catching_up_bytes: knob(Knob::CatchingUpBytes, CATCHING_UP_BYTES_MIN)
                .max(self.retention.log_bytes_max.saturating_mul(3)),
            compaction_step: knob(Knob::CompactionStep, COMPACTION_STEP),
            window: Window {
                messages: knob(Knob::InflightMessages, Window::default().messages),
                bytes: knob(Knob::InflightBytes, Window::default().bytes),
            },
            caught_up_entries: knob(Knob::CaughtUpEntries, CAUGHT_UP_ENTRIES as usize) as Index,
            lease: self.lease(),
            founding_id,
            incarnation,
            seed: environment.seed,
        }
    }
}
