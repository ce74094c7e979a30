//! What is measured of a node: each metric is declared here, and its handle held by who counts.

use std::collections::BTreeMap;

use metrics::{Counter, Gauge, Histogram};

use crate::{
    env::Metric,
    kv::Header,
    raft::{NodeId, Raft, RoleName, Term},
};

const TERM: Metric = Metric::count("conclave_raft_term", "The term that this node is in");
const IS_LEADER: Metric = Metric::count("conclave_raft_is_leader", "1 while this node leads, else 0");
const LEADER: Metric =
    Metric::count("conclave_raft_leader", "Number of the node that leads as far as this one knows; 0: none");
const LEADER_CHANGES: Metric =
    Metric::count("conclave_raft_leader_changes_total", "Leaderships that this node has heard of");
const ELECTIONS: Metric =
    Metric::count("conclave_raft_elections_total", "Elections in which this node was a candidate");
const COMMITTED: Metric =
    Metric::count("conclave_raft_committed_index", "Index up to which the log is committed");
const APPLIED: Metric =
    Metric::count("conclave_raft_applied_index", "Index up to which the log is applied to the state");
const LAST: Metric = Metric::count("conclave_raft_last_index", "Index of the last entry of the log");
const COMPACTED: Metric =
    Metric::count("conclave_raft_compacted_index", "Index up to which the log is compacted");
const VOTERS: Metric = Metric::count("conclave_raft_voters", "Members that vote");
const LEARNERS: Metric = Metric::count("conclave_raft_learners", "Members that do not vote yet, or any more");
const FOLLOWER_LAG: Metric = Metric::count(
    "conclave_raft_follower_lag_entries",
    "Entries of the leader's log that a peer has not on its disk yet; NaN on who does not lead",
);
const FOLLOWER_ACTIVE: Metric = Metric::count(
    "conclave_raft_follower_active",
    "1 if a peer has answered the leader lately, else 0; NaN on who does not lead",
);
const PROPOSALS: Metric =
    Metric::count("conclave_raft_proposals_total", "Entries that this node proposed as leader");
const PROPOSALS_REFUSED: Metric = Metric::count(
    "conclave_raft_proposals_refused_total",
    "Writes that were not proposed: malformed, too many (overloaded), or no leader here",
);
const PROPOSALS_PENDING: Metric = Metric::count(
    "conclave_raft_proposals_pending",
    "Entries that this node proposed and has not applied yet",
);
const REFUSED: Metric = Metric::count(
    "conclave_raft_refused_total",
    "Messages and streams that were refused by kind: they cannot be true, or are meant for others",
);
const SNAPSHOTS_SENT: Metric =
    Metric::count("conclave_raft_snapshots_sent_total", "Snapshots that arrived at a peer");
const SNAPSHOTS_NOT_SENT: Metric =
    Metric::count("conclave_raft_snapshots_not_sent_total", "Snapshots that did not get to a peer");
const SNAPSHOTS_RECEIVED: Metric =
    Metric::count("conclave_raft_snapshots_received_total", "Snapshots that took the place of the state");
const SNAPSHOTS_NOT_INSTALLED: Metric = Metric::count(
    "conclave_raft_snapshots_not_installed_total",
    "Snapshots that arrived and could not be put in place",
);
const APPENDS_DROPPED: Metric = Metric::count(
    "conclave_raft_appends_dropped_total",
    "Appends that were not taken, for the state's disk lags behind the log: the leader sends them again",
);
const REQUESTS: Metric =
    Metric::count("conclave_node_requests_total", "Requests of proxies: reads and writes, retries included");
const REVISION: Metric = Metric::count("conclave_kv_revision", "Revision of the state");
const COMPACTED_REVISION: Metric =
    Metric::count("conclave_kv_compacted_revision", "Revision before which the past is given up");
const STATE_BYTES: Metric =
    Metric::bytes("conclave_kv_state_bytes", "Keys and values of the state, those of the past included");
const QUOTA_BYTES: Metric =
    Metric::bytes("conclave_kv_quota_bytes", "State beyond which nothing more is put");
const OUT_OF_SPACE: Metric =
    Metric::count("conclave_kv_out_of_space", "1 while the alarm NOSPACE is raised, else 0");
const COMMIT_SECONDS: Metric = Metric::seconds(
    "conclave_raft_commit_duration_seconds",
    "How long writes took at the leader from the proposal until they were committed",
);
const APPLY_SECONDS: Metric = Metric::seconds(
    "conclave_raft_apply_duration_seconds",
    "How long writes took at the leader from the commit until they were applied",
);
const SYNC_SECONDS: Metric = Metric::seconds(
    "conclave_storage_sync_duration_seconds",
    "How long a durable write of the log took, the wait for its thread included",
);
const SYNCED_ENTRIES: Metric =
    Metric::count("conclave_storage_synced_entries_total", "Entries made durable in the log");
const FLUSH_SECONDS: Metric = Metric::seconds(
    "conclave_storage_flush_duration_seconds",
    "How long it took to make what was applied durable in the state",
);
const SCRUBS: Metric =
    Metric::count("conclave_storage_scrubs_total", "Times that the whole state was read and found sound");
const SCRUBBED_RECORDS: Metric =
    Metric::count("conclave_storage_scrubbed_records", "Records that the last scrub read");
const SCRUBBED_AT: Metric = Metric::seconds(
    "conclave_storage_scrubbed_timestamp_seconds",
    "When the last scrub ended, in seconds since 1970; 0: none has",
);

/// Where the node stands: what the event loop knows after every step.
pub(super) struct PlaceMetrics {
    term: Gauge,
    is_leader: Gauge,
    leader: Gauge,
    leader_changes: Counter,
    elections: Counter,
    committed: Gauge,
    applied: Gauge,
    last: Gauge,
    compacted: Gauge,
    voters: Gauge,
    learners: Gauge,
    revision: Gauge,
    compacted_revision: Gauge,
    state_bytes: Gauge,
    out_of_space: Gauge,
    /// The last leadership that was known.
    led: Option<(Term, NodeId)>,
    /// The last term in which this node was a candidate.
    candidate_in: Term,
}

impl PlaceMetrics {
    /// Of a node in this term, whose state may have so many bytes.
    pub(super) fn new(term: Term, quota_bytes: u64) -> Self {
        QUOTA_BYTES.gauge(&[]).set(quota_bytes as f64);
        Self {
            term: TERM.gauge(&[]),
            is_leader: IS_LEADER.gauge(&[]),
            leader: LEADER.gauge(&[]),
            leader_changes: LEADER_CHANGES.counter(&[]),
            elections: ELECTIONS.counter(&[]),
            committed: COMMITTED.gauge(&[]),
            applied: APPLIED.gauge(&[]),
            last: LAST.gauge(&[]),
            compacted: COMPACTED.gauge(&[]),
            voters: VOTERS.gauge(&[]),
            learners: LEARNERS.gauge(&[]),
            revision: REVISION.gauge(&[]),
            compacted_revision: COMPACTED_REVISION.gauge(&[]),
            state_bytes: STATE_BYTES.gauge(&[]),
            out_of_space: OUT_OF_SPACE.gauge(&[]),
            led: None,
            candidate_in: term,
        }
    }

    /// After every step.
    pub(super) fn stepped(&mut self, core: &Raft, header: &Header) {
        self.term.set(core.term() as f64);
        self.committed.set(core.commit() as f64);
        self.last.set(core.last().index as f64);
        self.applied.set(header.applied_index as f64);
        self.revision.set(header.revision as f64);
        self.state_bytes.set(header.content.bytes as f64);
        if core.role() == RoleName::Candidate && self.candidate_in != core.term() {
            self.candidate_in = core.term();
            self.elections.increment(1);
        }
        self.leader.set(core.leader().unwrap_or(0) as f64);
        self.is_leader.set(f64::from(core.is_leader()));
        // To hear nothing for a while, and then of the same leadership again, is no change of it.
        if let Some(leader) = core.leader()
            && self.led.replace((core.term(), leader)) != Some((core.term(), leader))
        {
            self.leader_changes.increment(1);
        }
    }

    /// Now and then.
    pub(super) fn looked(&self, core: &Raft, header: &Header) {
        let configuration = core.configuration();
        let voters = configuration.members().filter(|&member| configuration.is_voter(member)).count();
        self.voters.set(voters as f64);
        self.learners.set((configuration.members().count() - voters) as f64);
        self.compacted.set(core.compacted().index as f64);
        self.compacted_revision.set(header.compacted_revision as f64);
        self.out_of_space.set(f64::from(header.is_out_of_space));
    }
}

/// How far each peer is, as a leader knows it.
#[derive(Default)]
pub(super) struct PeerMetrics(BTreeMap<NodeId, (Gauge, Gauge)>);

impl PeerMetrics {
    /// Now and then.
    pub(super) fn looked(&mut self, core: &Raft) {
        // Whoever leads no more knows nothing, and nor does anybody of a peer that is gone: no number would be true.
        for (lag, active) in self.0.values() {
            lag.set(f64::NAN);
            active.set(f64::NAN);
        }
        if !core.is_leader() {
            return;
        }
        let last = core.last().index;
        for peer in core.peers() {
            let (lag, active) = self.0.entry(peer.id).or_insert_with(|| {
                let labels = [("peer", peer.id.to_string())];
                (FOLLOWER_LAG.gauge(&labels), FOLLOWER_ACTIVE.gauge(&labels))
            });
            lag.set(last.saturating_sub(peer.matched) as f64);
            active.set(f64::from(peer.is_active));
        }
    }
}

/// Requests of proxies, and snapshots.
pub(super) struct WorkMetrics {
    pub(super) reads: Counter,
    pub(super) writes: Counter,
    pub(super) snapshots_sent: Counter,
    pub(super) snapshots_not_sent: Counter,
    pub(super) snapshots_received: Counter,
    pub(super) snapshots_not_installed: Counter,
    pub(super) appends_dropped: Counter,
    scrubs: Counter,
    scrubbed_records: Gauge,
    scrubbed_at: Gauge,
}

impl Default for WorkMetrics {
    fn default() -> Self {
        let requests = |kind: &str| REQUESTS.counter(&[("kind", kind.to_owned())]);
        Self {
            reads: requests("read"),
            writes: requests("write"),
            snapshots_sent: SNAPSHOTS_SENT.counter(&[]),
            snapshots_not_sent: SNAPSHOTS_NOT_SENT.counter(&[]),
            snapshots_received: SNAPSHOTS_RECEIVED.counter(&[]),
            snapshots_not_installed: SNAPSHOTS_NOT_INSTALLED.counter(&[]),
            appends_dropped: APPENDS_DROPPED.counter(&[]),
            scrubs: SCRUBS.counter(&[]),
            scrubbed_records: SCRUBBED_RECORDS.gauge(&[]),
            scrubbed_at: SCRUBBED_AT.gauge(&[]),
        }
    }
}

impl WorkMetrics {
    pub(super) fn scrubbed(&self, unix_ms: u64, records: u64) {
        self.scrubs.increment(1);
        self.scrubbed_records.set(records as f64);
        self.scrubbed_at.set(unix_ms as f64 / 1000.0);
    }
}

/// Writes on their way into the log.
pub(super) struct ProposalMetrics {
    pub(super) proposed: Counter,
    pub(super) pending: Gauge,
    pub(super) malformed: Counter,
    pub(super) overloaded: Counter,
    pub(super) not_leader: Counter,
}

impl Default for ProposalMetrics {
    fn default() -> Self {
        let refused = |reason: &str| PROPOSALS_REFUSED.counter(&[("reason", reason.to_owned())]);
        Self {
            proposed: PROPOSALS.counter(&[]),
            pending: PROPOSALS_PENDING.gauge(&[]),
            malformed: refused("malformed"),
            overloaded: refused("overloaded"),
            not_leader: refused("not_leader"),
        }
    }
}

/// Writes on their way through the leader.
pub(super) struct WriteMetrics {
    pub(super) commit_seconds: Histogram,
    pub(super) apply_seconds: Histogram,
}

impl Default for WriteMetrics {
    fn default() -> Self {
        Self { commit_seconds: COMMIT_SECONDS.histogram(&[]), apply_seconds: APPLY_SECONDS.histogram(&[]) }
    }
}

/// The log's disk.
pub(super) struct SyncMetrics {
    pub(super) seconds: Histogram,
    pub(super) entries: Counter,
}

impl Default for SyncMetrics {
    fn default() -> Self {
        Self { seconds: SYNC_SECONDS.histogram(&[]), entries: SYNCED_ENTRIES.counter(&[]) }
    }
}

/// How long flushes of the state took.
pub(super) fn flush_seconds() -> Histogram {
    FLUSH_SECONDS.histogram(&[])
}

/// What was refused, of one kind.
pub(super) fn refused(kind: &'static str) -> Counter {
    REFUSED.counter(&[("kind", kind.to_owned())])
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use std::sync::Arc;

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::raft::{Body, Configuration, InitialState, Message, Options, Origin, Snapshot};

    #[test]
    fn a_leader_that_is_heard_again_leads_as_before() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let shows = |series: &str| recorder.handle().render().lines().any(|line| line == series);
        metrics::with_local_recorder(&recorder, || {
            let configuration = Arc::new(Configuration::of([1, 2, 3]));
            let applied = Snapshot { configuration: configuration.clone(), ..Snapshot::default() };
            let mut core = Raft::new(
                Options::plain(1),
                InitialState { configuration, applied, ..InitialState::default() },
            );
            let mut place = PlaceMetrics::new(0, 1);
            for _ in 0..2 {
                let body = Body::HeartbeatRequest { commit: 0, round: 1 };
                core.step(Message { from: 2, to: 1, origin: Origin::default(), term: 1, body });
                place.stepped(&core, &Header::default());
                assert!(shows("conclave_raft_leader 2"), "{}", recorder.handle().render());
                (0..100).for_each(|_| core.tick());
                place.stepped(&core, &Header::default());
                assert!(shows("conclave_raft_leader 0"), "{}", recorder.handle().render());
            }
        });
        assert!(shows("conclave_raft_leader_changes_total 1"), "{}", recorder.handle().render());
        assert!(shows("conclave_raft_term 1"), "{}", recorder.handle().render());
    }
}
