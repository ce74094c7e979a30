//! From a seed to a scenario. Swarm testing: each seed switches some kinds of faults on and the others off, for a
//! fault that is always there hides what happens without it.

use std::collections::BTreeSet;

use conclave::env::Buggify;
use conclave_checks::draw::Draw;

use super::{Ending, Scenario, timed::Timed};
use crate::{
    faults::{Fault, Recipe, Roster},
    trace::Range,
    workload::{LargeValues, Workload},
    world::{Answers, Rate, Rates, Retention, Shape},
};

/// The scenario of a seed.
pub fn generate(seed: u64) -> Scenario {
    let mut draw = Draw::new(seed, "shape", 0);
    let nodes = *draw.pick(&[3, 3, 5]);
    let prefers_a_leader = draw.chance(40);
    let priorities = (0..nodes).map(|_| if prefers_a_leader { draw.below(3) as u32 } else { 0 }).collect();
    let latency_high = *draw.pick(&[800, 2_000, 8_000, 20_000]);
    let heartbeat_ms = *draw.pick(&[30, 50]);
    let (proxies, clients) = (draw.between(1, 2), draw.between(3, 6));
    let chaos_ms = draw.between(5_000, 15_000);
    let workload = workload(seed);
    let shape = Shape {
        seed,
        priorities,
        proxies,
        clients,
        latency_us: Range { low: 200, high: latency_high },
        bandwidth_bytes_per_s: bandwidth(seed, workload.largest_value()),
        disk_us: *draw.pick(&[
            Range { low: 20, high: 200 },
            Range { low: 200, high: 2_000 },
            Range { low: 1_000, high: 15_000 },
        ]),
        heartbeat_ms,
        election_timeout_ms: heartbeat_ms * draw.between(4, 8),
        retention: retention(seed),
        answers: answers(seed),
        lease_reads: Draw::new(seed, "leases", 0).chance(30),
        swapped_peers: swapped_peers(seed, nodes),
        kept_revisions: kept_revisions(seed),
    };
    let ending = Ending::draw(seed, &roster(&shape));
    let scenario = Scenario {
        faults: faults(&shape, chaos_ms),
        shape,
        workload,
        chaos_ms,
        ending,
        schedule: None,
        buggify: buggify(seed),
        reaches: BTreeSet::new(),
    };
    let has_floods = scenario.faults.iter().any(|timed| matches!(timed.fault, Fault::Flood(_)));
    match Draw::new(seed, "long snapshots", 0).chance(8) {
        _ if has_floods => with_large_state(scenario),
        true => with_long_snapshots(scenario),
        false => scenario,
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
    let log_entries = *draw.pick(&[10, 100, 1_000, 200_000]);
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
    draw.chance(40).then(|| LargeValues {
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

fn workload(seed: u64) -> Workload {
    let mut draw = Draw::new(seed, "workload", 0);
    let mut past = Draw::new(seed, "past", 0);
    Workload {
        keys: *draw.pick(&[1, 3, 8, 20]),
        reads_percent: *draw.pick(&[20, 50, 80]),
        deletes_percent: *draw.pick(&[0, 5, 20]),
        past_percent: *past.pick(&[0, 5, 20]),
        compactions_percent: *past.pick(&[0, 1, 5]),
        pause_ms: *draw.pick(&[
            Range { low: 0, high: 5 },
            Range { low: 5, high: 60 },
            Range { low: 50, high: 200 },
        ]),
        patience_ms: *draw.pick(&[500, 2_000, 5_000]),
        large: large_values(seed),
    }
}

/// The families that a seed switches on. Each draws from a stream of its own: a family more leaves the others as they were.
fn some_families(seed: u64) -> Vec<Recipe> {
    let is_on = |(name, _): &&(&str, Recipe)| Draw::new(seed, name, 0).chance(45);
    let chosen: Vec<Recipe> = Fault::FAMILIES.iter().filter(is_on).map(|(_, recipe)| *recipe).collect();
    match chosen.is_empty() {
        true => vec![Draw::new(seed, "families", 0).pick(Fault::FAMILIES).1],
        false => chosen,
    }
}

/// Whom faults may strike at first.
fn roster(shape: &Shape) -> Roster {
    let founders = shape.priorities.len() as u64;
    let (newcomers, next_newcomer) = (BTreeSet::new(), founders + 1);
    Roster { founders, newcomers, proxies: shape.proxies, clients: shape.clients, next_newcomer }
}

pub(super) fn faults(shape: &Shape, chaos_ms: u64) -> Vec<Timed> {
    let mut roster = roster(shape);
    let mut draw = Draw::new(shape.seed, "faults", 0);
    let recipes = some_families(shape.seed);
    let interval_ms = *draw.pick(&[300, 800, 2_000]);
    let mut faults = Vec::new();
    let mut at_ms = draw.between(200, 1_500);
    // Each fault draws from a stream of its own: one less leaves the others as they were.
    for number in 0.. {
        let mut own = Draw::new(shape.seed, "fault", number);
        if at_ms >= chaos_ms {
            break;
        }
        let fault = own.pick(&recipes)(&mut own, &roster);
        faults.push(Timed { at_ms, for_ms: own.between(50, 3_000), fault });
        at_ms += own.between(1, 2 * interval_ms);
        roster.next_newcomer += 1;
    }
    faults
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
    fn a_hundred_seeds_draw_every_kind_of_fault() {
        let drawn: BTreeSet<&str> =
            (0..100).flat_map(|seed| generate(seed).faults).map(|timed| timed.fault.name()).collect();
        assert_eq!(drawn, Fault::NAMES.iter().copied().collect());
    }

    #[test]
    fn a_hundred_seeds_switch_every_point_on() {
        let on: BTreeSet<Buggify> =
            (0..100).flat_map(|seed| generate(seed).buggify.points().collect::<Vec<_>>()).collect();
        assert_eq!(on, Buggify::ALL.iter().copied().collect());
    }
}
