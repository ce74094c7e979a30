//! From a seed to a scenario. Swarm testing: each seed switches some kinds of faults on and the others off, for a
//! fault that is always there hides what happens without it.

use std::collections::BTreeSet;

use conclave::env::{Buggify, Knob};
use conclave_checks::draw::Draw;

use super::{
    About, BEYOND_SEEDS, Ending, Scenario,
    agenda::{faults, roster},
    beyond::beyond,
    file,
    stress::Stress,
};
use crate::{
    faults::Fault,
    trace::Range,
    workload::{LargeValues, Spans, Workload},
    world::{Answers, Knobs, Leases, Rate, Rates, Retention, Shape},
};

/// The scenario of a seed; of one from [`BEYOND_SEEDS`] on, one that damages more than the system bears.
pub fn generate(seed: u64) -> Scenario {
    if seed < BEYOND_SEEDS { within(seed) } else { beyond(within(seed)) }
}

fn within(seed: u64) -> Scenario {
    let chaos_ms = chaos_ms(seed);
    let mut workload = workload(seed, chaos_ms);
    let shape = shape(seed, &workload);
    if shape.clients * chaos_ms > BUSY_MS_MAX && !is_quiet(seed) {
        workload.pause_ms = CALM_PAUSE;
    }
    let scenario = Scenario {
        faults: faults(&shape, chaos_ms),
        ending: Ending::draw(seed, &roster(&shape)),
        shape,
        knobs: knobs(seed, &workload),
        workload,
        chaos_ms,
        schedule: None,
        buggify: buggify(seed),
        reaches: BTreeSet::new(),
        about: About::default(),
    };
    let has_floods = scenario.faults.iter().any(|timed| matches!(timed.fault, Fault::Flood(_)));
    let mut scenario = match Draw::new(seed, "long snapshots", 0).chance(8) {
        _ if has_floods => with_large_state(scenario),
        true => with_long_snapshots(scenario),
        false => scenario,
    };
    let_sessions_last(&mut scenario);
    scenario
}

const NODES_MAX: u64 = 7;
/// Three and five nodes are what most have; each other number is a corner of its own.
const NODES: [u64; 14] = [1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 5, 5, 6, 7];

fn shape(seed: u64, workload: &Workload) -> Shape {
    let mut draw = Draw::new(seed, "shape", 0);
    let nodes = *draw.pick(&NODES);
    let nodes = match Stress::of(seed) {
        Stress::Members => a_few_nodes(seed),
        // All that are left are needed.
        Stress::Leaders | Stress::Lines if Draw::new(seed, "three nodes", 0).chance(60) => 3,
        _ => nodes,
    };
    let prefers_a_leader = draw.chance(40);
    let priorities = (0..nodes).map(|_| if prefers_a_leader { draw.below(3) as u32 } else { 0 }).collect();
    let latency_high = *draw.pick(&[800, 2_000, 8_000, 20_000]);
    let heartbeat_ms = *draw.pick(&[30, 50]);
    Shape {
        seed,
        priorities,
        proxies: *draw.pick(&[1, 1, 2, 2, 3]),
        clients: *draw.pick(&[1, 2, 3, 3, 4, 4, 5, 6, 8, 12]),
        latency_us: Range { low: 200, high: latency_high },
        bandwidth_bytes_per_s: bandwidth(seed, workload.largest_value()),
        disk_us: *draw.pick(&[
            Range { low: 20, high: 200 },
            Range { low: 200, high: 2_000 },
            Range { low: 1_000, high: 15_000 },
        ]),
        heartbeat_ms,
        election_timeout_ms: heartbeat_ms * draw.between(4, 8).max(heartbeats_of_lease(seed)),
        retention: retention(seed),
        answers: answers(seed),
        lease_reads: leases(seed),
        leases_switch: reads_by_lease(seed) && Draw::new(seed, "leases switch", 0).chance(25),
        stated_drift_percent: file::stated_drift(),
        beyond: false,
        swapped_peers: swapped_peers(seed, nodes),
        kept_revisions: kept_revisions(seed),
    }
}

/// A change of few members is one of most of them.
fn a_few_nodes(seed: u64) -> u64 {
    *Draw::new(seed, "a few nodes", 0).pick(&[1, 1, 2, 2, 2, 3, 3, 4])
}

/// Clients who ask all the time for longer than this, all together, make a run that takes a minute and shows nothing new.
const BUSY_MS_MAX: u64 = 60_000;
/// Thousands of operations in a long run.
const CALM_PAUSE: Range = Range { low: 5, high: 60 };

/// Some clusters are asked for little: nodes that do not hear from each other for a while have the same log all the same.
fn is_quiet(seed: u64) -> bool {
    Stress::of(seed) == Stress::Lines || Draw::new(seed, "quiet", 0).chance(12)
}

/// So that all clients together ask every now and then.
const QUIET_PAUSE: Range = Range { low: 300, high: 3_000 };

/// Some runs are over before much has gathered, some are long enough for what takes several faults in a row.
fn chaos_ms(seed: u64) -> u64 {
    let mut draw = Draw::new(seed, "chaos", 0);
    match draw.below(20) {
        0..=3 => draw.between(1_000, 5_000),
        4..=17 => draw.between(5_000, 15_000),
        _ => draw.between(15_000, 40_000),
    }
}

fn reads_by_lease(seed: u64) -> bool {
    Draw::new(seed, "leases", 0).chance(30)
}

/// Clocks that differ by some percent differ by more than an election takes only if leases are long: so they often are. The shortest
/// election timeout, in heartbeats.
fn heartbeats_of_lease(seed: u64) -> u64 {
    match reads_by_lease(seed) {
        true => *Draw::new(seed, "leases", 1).pick(&[4, 16, 30]),
        false => 4,
    }
}

/// Floods leave a state of tens of megabytes: a snapshot of it must cross within the time that a healed cluster has.
fn with_large_state(mut scenario: Scenario) -> Scenario {
    const BYTES_PER_S_MIN: u64 = 5_000_000;
    let shape = &mut scenario.shape;
    shape.retention.piece_bytes = Retention::default().piece_bytes;
    shape.bandwidth_bytes_per_s = shape.bandwidth_bytes_per_s.map(|bandwidth| bandwidth.max(BYTES_PER_S_MIN));
    scenario
}

/// On a line where much waits, a session that ends in moments would end before it is of use.
pub(super) fn let_sessions_last(scenario: &mut Scenario) {
    const IDLE_MS_MIN: u64 = 2_000;
    if let (Some(idle_ms), Some(_)) =
        (scenario.knobs.of(Knob::SessionIdleMs), scenario.shape.bandwidth_bytes_per_s)
    {
        scenario.knobs.set(Knob::SessionIdleMs, idle_ms.max(IDLE_MS_MIN));
    }
}

/// Whoever was away needs a snapshot, and that takes longer than several elections.
fn with_long_snapshots(mut scenario: Scenario) -> Scenario {
    let mut draw = Draw::new(scenario.shape.seed, "long snapshots", 1);
    let bytes = Range { low: 50_000, high: 300_000 };
    let shape = &mut scenario.shape;
    shape.election_timeout_ms = 4 * shape.heartbeat_ms;
    shape.bandwidth_bytes_per_s = Some(4 * bytes.high);
    let piece_bytes = *draw.pick(&[16_000, 512 << 10]);
    shape.retention = Retention { sync_entries: 2, log_entries: 10, piece_bytes, ..shape.retention };
    scenario.workload.large = Some(LargeValues { keys: 20, bytes, pause_ms: Range { low: 20, high: 400 } });
    scenario
}

/// Sometimes so little that large values and snapshots queue; but a value crosses within the silence after which a link
/// counts as dead, though others share the line.
fn bandwidth(seed: u64, largest_value: u64) -> Option<u64> {
    let mut draw = Draw::new(seed, "bandwidth", 0);
    draw.chance(40).then(|| *draw.pick(&[500_000, 1_000_000, 5_000_000]).max(&(4 * largest_value)))
}

/// Often so little that whoever was away needs a snapshot.
fn retention(seed: u64) -> Retention {
    let mut draw = Draw::new(seed, "retention", 0);
    let log_entries = *draw.pick(match Stress::of(seed) {
        Stress::Members => &[4, 10, 100],
        _ => &[10, 100, 1_000, 200_000],
    });
    Retention {
        sync_entries: log_entries / 4,
        log_entries,
        piece_bytes: *draw.pick(&[1_000, 16_000, 512 << 10]),
        pruned_events: *draw.pick(&[1, 256]),
    }
}

/// Often so little that a range of a few keys is a large one, and sometimes one that a proxy has no room for.
fn answers(seed: u64) -> Answers {
    let mut draw = Draw::new(seed, "answers", 0);
    Answers {
        short_records: *draw.pick(&[1, 3, 1_000]),
        slice_records: *draw.pick(&[1, 4, 10_000]),
        piece_bytes: *draw.pick(&[300, 20_000, 256 << 10]),
        held_bytes: *draw.pick(&[20_000, 1_000_000, 512 << 20]),
    }
}

fn large_values(seed: u64) -> Option<LargeValues> {
    let mut draw = Draw::new(seed, "large values", 0);
    (draw.chance(40) && !is_quiet(seed)).then(|| LargeValues {
        keys: draw.between(2, 20),
        bytes: *draw.pick(&[
            Range { low: 0, high: 200 },
            Range { low: 1_000, high: 20_000 },
            Range { low: 0, high: 300_000 },
        ]),
        pause_ms: Range { low: 20, high: *draw.pick(&[40, 400]) },
    })
}

/// Sometimes an operator told a founder two addresses the wrong way round.
fn swapped_peers(seed: u64, nodes: u64) -> Option<u64> {
    let mut draw = Draw::new(seed, "swapped peers", 0);
    draw.chance(15).then(|| draw.between(1, nodes))
}

/// So few that the log, or a snapshot, often outlives what it tells of.
fn kept_revisions(seed: u64) -> Option<u32> {
    *Draw::new(seed, "kept revisions", 0).pick(&[None, None, Some(5), Some(50)])
}

/// Half of the seeds switch some points on, each with a rate of its own. A point more leaves the others as they were.
fn buggify(seed: u64) -> Rates {
    let mut rates = Rates::default();
    if Draw::new(seed, "buggify", 0).chance(50) {
        for point in Buggify::ALL {
            let mut draw = Draw::new(seed, &format!("buggify {}", point.name()), 0);
            if draw.chance(20) {
                rates.set(*point, Rate::per_million(*draw.pick(&[500, 5_000, 50_000, 200_000])));
            }
        }
    }
    rates
}

/// Half of the seeds set some knobs. A knob more leaves the others as they were. Sessions end often: an hour is long for a run, and to end
/// one takes another that begins.
fn knobs(seed: u64, workload: &Workload) -> Knobs {
    let mut knobs = Knobs::default();
    if Draw::new(seed, "knobs", 0).chance(50) {
        for knob in Knob::ALL.iter().filter(|knob| may_set(**knob, workload)) {
            let mut draw = Draw::new(seed, &format!("knob {}", knob.name()), 0);
            if draw.chance(if *knob == Knob::SessionIdleMs { 50 } else { 12 }) {
                knobs.set(*knob, *draw.pick(knob.draws()));
            }
        }
    }
    knobs
}

/// An open loop asks for more than is served by nodes that send or apply an entry, or serve a read, at a time, or proxies that ask one call at a time:
/// what waits for it outlasts every patience, and nobody else is served.
pub(super) fn may_set(knob: Knob, workload: &Workload) -> bool {
    let serves_little =
        matches!(knob, Knob::AppliedBytes | Knob::AppendBytes | Knob::InFlightBytes | Knob::ReadsBytes);
    !serves_little || workload.open_loops == 0
}

/// As while they are switched on a node at a time, in some of the runs that have them.
fn leases(seed: u64) -> Leases {
    let is_on = reads_by_lease(seed);
    let mut draw = Draw::new(seed, "leases of some", 0);
    match is_on && draw.chance(30) {
        true => Leases::Of((1..=NODES_MAX).filter(|_| draw.chance(60)).collect()),
        false => Leases::OfAll(is_on),
    }
}

/// Half of the seeds ask for nothing but single keys.
fn spans(seed: u64) -> Spans {
    let mut draw = Draw::new(seed, "spans", 0);
    if draw.chance(50) {
        return Spans::default();
    }
    Spans {
        ranges_percent: *draw.pick(&[0, 5, 15]),
        past_ranges_percent: *draw.pick(&[0, 5, 15]),
        any_node_percent: *draw.pick(&[0, 5, 10]),
        deletes_percent: *draw.pick(&[0, 2, 10]),
        replaces_percent: *draw.pick(&[0, 5, 20]),
        pages_percent: *draw.pick(&[0, 5, 20]),
    }
}

/// In some runs clients only read in the end, and in the last part of the chaos: where nobody else writes, nothing that a leader has to write
/// tells it then how its disk stands.
fn writes_end_ms(seed: u64, chaos_ms: u64) -> Option<u64> {
    let mut draw = Draw::new(seed, "writes end", 0);
    draw.chance(20).then(|| draw.between(chaos_ms / 2, chaos_ms))
}

fn workload(seed: u64, chaos_ms: u64) -> Workload {
    let mut draw = Draw::new(seed, "workload", 0);
    let mut past = Draw::new(seed, "past", 0);
    let mut loops = Draw::new(seed, "loops", 0);
    let asks_anew = Draw::new(seed, "connections", 0).chance(15);
    Workload {
        keys: *draw.pick(&[1, 3, 8, 20, 200]),
        hot_percent: *loops.pick(&[0, 0, 50, 90]),
        open_loops: if is_quiet(seed) { 0 } else { *loops.pick(&[0, 0, 0, 1, 2]) },
        is_pinned: loops.chance(20),
        asks_anew,
        writes_end_ms: writes_end_ms(seed, chaos_ms),
        spans: spans(seed),
        reads_percent: *draw.pick(&[20, 50, 80]),
        deletes_percent: *draw.pick(&[0, 5, 20]),
        past_percent: *past.pick(&[0, 5, 20]),
        compactions_percent: *past.pick(&[0, 1, 5]),
        pause_ms: match is_quiet(seed) {
            true => QUIET_PAUSE,
            false => *draw.pick(&[
                Range { low: 0, high: 5 },
                Range { low: 5, high: 60 },
                Range { low: 50, high: 200 },
            ]),
        },
        // Who connects anew may have to wait for silent proxies each time.
        patience_ms: (*draw.pick(&[500, 2_000, 5_000])).max(if asks_anew { 2_000 } else { 0 }),
        large: large_values(seed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_a_function_of_its_seed_and_survives_storage() {
        for seed in 0..50 {
            let scenario = generate(seed);
            assert_eq!(scenario, generate(seed));
            let stored = serde_json::to_string(&scenario).expect("a scenario is plain data");
            assert_eq!(serde_json::from_str::<Scenario>(&stored).expect("what was stored"), scenario);
        }
    }

    #[test]
    fn plain_calls_are_always_left_a_share() {
        let most = (0..3_000).map(|seed| spans(seed).total()).max();
        assert!((70..=90).contains(&most.unwrap_or_default()), "{most:?}");
    }

    #[test]
    fn a_few_hundred_seeds_draw_every_shape() {
        let shapes: Vec<Shape> = (0..300).map(|seed| generate(seed).shape).collect();
        let drawn = |part: fn(&Shape) -> u64| shapes.iter().map(part).collect::<BTreeSet<u64>>();
        assert_eq!(drawn(|shape| shape.priorities.len() as u64), (1..=7).collect());
        assert_eq!(drawn(|shape| shape.proxies), (1..=3).collect());
        assert!(drawn(|shape| shape.clients).is_superset(&BTreeSet::from([1, 12])));
    }

    #[test]
    fn faults_last_from_far_below_to_far_above_the_election_timeout() {
        let of_timeout = |seed| {
            let Scenario { shape, faults, .. } = generate(seed);
            faults.into_iter().map(move |timed| timed.for_ms * 100 / shape.election_timeout_ms)
        };
        let percents: Vec<u64> = (0..100).flat_map(of_timeout).collect();
        assert!(percents.iter().any(|percent| *percent < 5));
        assert!(percents.iter().any(|percent| *percent > 2_000));
    }

    #[test]
    fn a_hundred_seeds_draw_every_kind_of_fault() {
        let drawn: BTreeSet<&str> =
            (0..100).flat_map(|seed| generate(seed).faults).map(|timed| timed.fault.name()).collect();
        assert_eq!(drawn, Fault::NAMES.iter().copied().collect());
    }

    #[test]
    fn beyond_the_envelope_most_disks_are_damaged() {
        for seed in BEYOND_SEEDS..BEYOND_SEEDS + 50 {
            let scenario = generate(seed);
            assert!(scenario.shape.beyond);
            let families = ["rot", "lost-write", "misdirected-write"];
            let damages = scenario.faults.iter().filter(|timed| families.contains(&timed.fault.name()));
            assert!(2 * damages.count() > scenario.shape.priorities.len(), "seed {seed}");
            let stored = serde_json::to_string(&scenario).expect("a scenario is plain data");
            assert_eq!(serde_json::from_str::<Scenario>(&stored).expect("what was stored"), scenario);
        }
    }

    #[test]
    fn a_few_hundred_seeds_set_every_knob() {
        let set: BTreeSet<&str> =
            (0..300).flat_map(|seed| generate(seed).knobs.names().collect::<Vec<_>>()).collect();
        assert_eq!(set, Knob::ALL.iter().map(|knob| knob.name()).collect());
    }

    #[test]
    fn a_hundred_seeds_switch_every_point_on() {
        let on: BTreeSet<Buggify> =
            (0..100).flat_map(|seed| generate(seed).buggify.points().collect::<Vec<_>>()).collect();
        assert_eq!(on, Buggify::ALL.iter().copied().collect());
    }
}
