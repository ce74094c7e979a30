//! How long a healed core may take: computed from the timeouts of those who wait, not from what was seen.

use std::time::Duration;

use conclave::{
    env::{Hooks as _, Knob},
    rpc::CONNECT_TIMEOUT,
};
use conclave_checks::Bounds;

use crate::{
    faults::Fault,
    phases::recovery::{snapshots, snapshots_of},
    scenario::Scenario,
    trace::Condition,
    workload::Workload,
    world::World,
};

/// A stream of before is found dead by then (`SILENCE_MAX` of `src/rpc/link.rs`).
const SILENCE: Duration = Duration::from_millis(1_000);

/// What was lost is sent again after 0.2, 0.4 and 0.8 s (`RETRANSMIT_MIN` of `src/rpc/sim/faults.rs`); the pause after that is longer than
/// [`SILENCE`].
const RESENT: Duration = Duration::from_millis(1_400);

/// A stream of before is found dead, a pause follows (`PAUSE_MAX` of `src/rpc/link.rs`), and then perhaps a connection is waited for
/// that was begun when there was still nobody.
pub(crate) const LINKS: Duration =
    SILENCE.saturating_add(Duration::from_millis(400)).saturating_add(CONNECT_TIMEOUT);

/// A connection without a stream of ours, as of a call, is found dead by HTTP/2's keepalive (`src/rpc/sim/network.rs`).
const KEEPALIVE: Duration = Duration::from_secs(4);

/// A call that is refused for the moment pauses for 0.32 s at most (`src/proxy/core/limits.rs`), and may be so once more.
const PAUSES: Duration = Duration::from_millis(640);

/// Jobs of the disk that a call waits for, with those of a flush before it and of a retry: each takes its time twice, before it is done
/// and after.
const JOBS: u32 = 24;

/// Entries that a long run may commit.
const ENTRIES: u64 = 2_000;

/// A ballot takes the longest election timeout, twice the shortest, at most. Two candidates may split it, which happens to less than
/// half of them: ten in a row fail in less than one of a thousand cases, and so many are allowed.
const BALLOTS: u32 = 10;

/// A client may be stuck in one call of before, and in one with each of two proxies that do not answer, and then its call may come to
/// nothing with the leader of before.
const CALLS: u32 = 4;

/// The longest election timeout of a run without leases (`scenario/generator.rs`; the few with long leases have longer ones): what the limits
/// of campaigns are computed from.
const ELECTION_TIMEOUT_MAX: Duration = Duration::from_millis(400);

/// Until a quorum of the core follows a leader.
pub(super) fn until_leader(world: &World) -> Duration {
    let ballot = Duration::from_millis(2 * world.shape.election_timeout_ms);
    LINKS + BALLOTS * ballot
}

/// A leader whose disk keeps reads waiting hands over after so many election timeouts (`src/node/reads/mod.rs`); and again after as many, if
/// whom it chose does not take over.
const STALL_ELECTION_TIMEOUTS: u32 = 8;

/// Until every client of the core has written something. A leader whose disk stands still may choose others first that have such a disk.
pub(super) fn until_written(world: &World, workload: &Workload, stays: &[Condition]) -> Duration {
    let stalled = stays.iter().filter(|condition| matches!(condition, Condition::StalledDisk(_))).count();
    let election_timeout = Duration::from_millis(world.shape.election_timeout_ms);
    until_leader(world)
        + snapshots(world)
        + KEEPALIVE
        + CALLS * Duration::from_millis(workload.patience_ms)
        + stalled as u32 * STALL_ELECTION_TIMEOUTS * election_timeout
}

/// Clients compete with large values for narrow lines, or for links that take few calls at a time: that a call gets through soon is
/// not promised then.
pub(super) fn are_calls_crowded(world: &World, workload: &Workload) -> bool {
    let takes_few_calls = world.instruments.knob(Knob::InFlightBytes).is_some();
    workload.large.is_some() && (world.shape.bandwidth_bytes_per_s.is_some() || takes_few_calls)
}

/// Nothing stands in the way of a call but what faults do, and the disk: no limit of what is served is lowered, and lines are wide.
fn is_answered_soon(Scenario { shape, knobs, .. }: &Scenario) -> bool {
    knobs.set_ones().all(serves_as_much) && shape.bandwidth_bytes_per_s.is_none()
}

/// Calls are served as without this knob: it is about what the past takes, or about others than those who are followed.
fn serves_as_much(knob: Knob) -> bool {
    matches!(
        knob,
        Knob::CompactionStep
            | Knob::CaughtUpEntries
            | Knob::CatchingUpEntries
            | Knob::CatchingUpBytes
            | Knob::ReplayedEntries
            | Knob::SessionIdleMs
            | Knob::SnapshotBytesPerS
            | Knob::ViewKeptMs
            | Knob::LogBytes
            | Knob::Strangers
            | Knob::Abandoned
            | Knob::LargeCallsBytes
    )
}

/// How long voters that nothing disturbs may be without a leader, who has lost its quorum may lead, and proxies that reach those that
/// serve may keep their clients waiting, while faults last elsewhere.
pub(crate) fn availability(world: &World, scenario: &Scenario) -> Bounds {
    // What went astray before a line was cut arrives all the same.
    let late_ms = scenario.faults.iter().filter_map(|timed| match &timed.fault {
        Fault::Astray(astray) => Some(astray.messages.late_ms.high),
        _ => None,
    });
    let late = Duration::from_millis(late_ms.max().unwrap_or(0));
    let election_timeout = Duration::from_millis(world.shape.election_timeout_ms);
    // The longest election timeout is twice the shortest. Its first entry takes a round, and a sync or two.
    let ballot = 2 * election_timeout;
    Bounds {
        until_led: until_leader(world) + ballot,
        until_caught_up: snapshots_of(world, ENTRIES),
        // It looks once in the longest election timeout whether it was answered since it looked last; by a clock that may be slow.
        until_stepped_down: 3 * ballot + late,
        // It looks twice, and tries once or twice more if the one that it chose does not take over.
        until_handed_over: 8 * ballot,
        // By then a follower that does not hear it any more has given it up.
        until_settled: 2 * ballot,
        // They answer by links of their own, and it looks once in the longest election timeout whether they did.
        until_heard: LINKS + 2 * ballot,
        // It may have to hear from another node first where the leader is.
        until_found: 2 * LINKS,
        until_dead: SILENCE + held_up_by_poor_lines(scenario),
        // A node says at once who leads.
        until_told: ballot,
        until_answered: match is_answered_soon(scenario) {
            true => ballot + PAUSES + JOBS * Duration::from_micros(world.shape.disk_us.high),
            false => Duration::MAX,
        },
    }
}

/// For how long a stream still has signs of life now and then, after its line was poor: what was late arrives, and what was lost, after
/// pauses that grow up to the silence in which it is found dead.
fn held_up_by_poor_lines(scenario: &Scenario) -> Duration {
    let latencies = scenario.faults.iter().filter_map(|timed| match &timed.fault {
        Fault::PoorLine(line) => Some(Duration::from_micros(line.poor.latency_us.high) + RESENT),
        _ => None,
    });
    latencies.sum()
}

/// What half of the runs of a campaign, and all but one of a hundred, must not exceed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// So many cores there must be: of fewer, one that was slow, and within its own bound, would count for too much.
pub(crate) const CORES_MIN: usize = 100;

/// The longest ballot that a run without leases may need.
const BALLOT_MAX: Duration = ELECTION_TIMEOUT_MAX.saturating_mul(2);

/// Half of the cores have a leader, or need one ballot; all but one of a hundred need no more than their links, and a ballot.
pub(crate) const TO_LEADER: Limits = Limits { p50: BALLOT_MAX, p99: LINKS.saturating_add(BALLOT_MAX) };

/// Clients ask again within another ballot; or they have to find out first that a call of theirs is lost.
pub(crate) const TO_FIRST_WRITE: Limits =
    Limits { p50: BALLOT_MAX.saturating_mul(2), p99: TO_LEADER.p99.saturating_add(KEEPALIVE) };
