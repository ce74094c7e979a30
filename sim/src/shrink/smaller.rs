//! What a scenario can do without. Everything that is drawn is keyed (`sim/checks/src/draw.rs`): what goes leaves the rest as it
//! was.

use crate::{
    scenario::Scenario,
    trace::Range,
    workload::Spans,
    world::{Answers, Knobs, Leases, Rates, Retention},
};

/// The shortest chaos that is tried, and how long it lasts beyond the last fault's strike.
const CHAOS_AFTER_MS: [u64; 3] = [100, 1_000, 4_000];
/// A pause in which a client does next to nothing.
const LONG_PAUSE: Range = Range { low: 100, high: 400 };

/// Without some faults: each candidate lacks another piece of this many.
pub(super) fn without_faults(scenario: &Scenario, piece: usize) -> Vec<Scenario> {
    let count = scenario.faults.len();
    let lacks = |first: usize| {
        let mut smaller = scenario.clone();
        smaller.faults.drain(first..(first + piece).min(count));
        smaller
    };
    (0..count).step_by(piece.max(1)).map(lacks).collect()
}

/// Without what comes after this moment: the chaos ends then, or goes on without a fault.
pub(super) fn cut_at(scenario: &Scenario, at_ms: u64) -> Vec<Scenario> {
    let mut without_faults = scenario.clone();
    without_faults.faults.retain(|timed| timed.at_ms <= at_ms);
    let chaos_ms = scenario.chaos_ms.min(at_ms.saturating_add(1));
    let ended = with_chaos(&without_faults, chaos_ms);
    [ended, without_faults].into_iter().filter(|cut| cut != scenario && is_valid(cut)).collect()
}

/// With less chaos: it ends soon after the last fault has struck.
pub(super) fn with_less_chaos(scenario: &Scenario) -> Vec<Scenario> {
    let last_ms = scenario.faults.last().map_or(0, |timed| timed.at_ms);
    let ends = CHAOS_AFTER_MS.iter().map(|after_ms| last_ms + after_ms);
    ends.filter(|&end| end < scenario.chaos_ms).map(|chaos_ms| with_chaos(scenario, chaos_ms)).collect()
}

/// Nothing of the chaos comes after it.
fn with_chaos(scenario: &Scenario, chaos_ms: u64) -> Scenario {
    let mut shorter = Scenario { chaos_ms, ..scenario.clone() };
    shorter.workload.writes_end_ms = shorter.workload.writes_end_ms.map(|end_ms| end_ms.min(chaos_ms));
    shorter
}

/// With one fault that lasts a quarter, or half, as long.
pub(super) fn with_shorter_faults(scenario: &Scenario) -> Vec<Scenario> {
    let mut shorter = Vec::new();
    for (place, timed) in scenario.faults.iter().enumerate() {
        for part in [4, 2] {
            if timed.for_ms / part >= 10 {
                let mut smaller = scenario.clone();
                smaller.faults[place].for_ms = timed.for_ms / part;
                shorter.push(smaller);
            }
        }
    }
    shorter
}

/// With one fault that waits for nothing.
pub(super) fn without_moments(scenario: &Scenario) -> Vec<Scenario> {
    let waiting = scenario.faults.iter().enumerate().filter(|(_, timed)| timed.moment.is_some());
    let candidates = waiting.map(|(place, _)| {
        let mut smaller = scenario.clone();
        smaller.faults[place].moment = None;
        smaller
    });
    candidates.filter(is_valid).collect()
}

/// With no point switched on, or without one of them.
pub(super) fn with_fewer_points(scenario: &Scenario) -> Vec<Scenario> {
    let mut fewer = Vec::new();
    if !scenario.buggify.is_empty() {
        fewer.push(Scenario { buggify: Rates::default(), ..scenario.clone() });
    }
    for point in scenario.buggify.points() {
        let mut smaller = scenario.clone();
        smaller.buggify.remove(point);
        fewer.push(smaller);
    }
    fewer
}

/// With no knob set, or without one of them.
pub(super) fn with_fewer_knobs(scenario: &Scenario) -> Vec<Scenario> {
    let mut fewer = Vec::new();
    if !scenario.knobs.is_empty() {
        fewer.push(Scenario { knobs: Knobs::default(), ..scenario.clone() });
    }
    for knob in scenario.knobs.set_ones() {
        let mut smaller = scenario.clone();
        smaller.knobs.remove(knob);
        fewer.push(smaller);
    }
    fewer
}

/// With a piece of so many changes to something simpler, of those that change anything. Each candidate has another piece.
pub(super) fn simpler(scenario: &Scenario, piece: usize) -> Vec<Scenario> {
    let telling: Vec<Change> =
        CHANGES.iter().copied().filter(|&change| changed(scenario, &[change]) != *scenario).collect();
    let pieces = telling.chunks(piece.max(1));
    pieces
        .map(|piece| changed(scenario, piece))
        .filter(|simpler| simpler != scenario && is_valid(simpler))
        .collect()
}

/// How many changes make it simpler.
pub(super) fn count_of_simpler(scenario: &Scenario) -> usize {
    simpler(scenario, 1).len()
}

fn changed(scenario: &Scenario, changes: &[Change]) -> Scenario {
    let mut changed = scenario.clone();
    changes.iter().for_each(|change| change(&mut changed));
    changed
}

type Change = fn(&mut Scenario);

/// The most telling first. None undoes another: what is simpler is never made less simple.
const CHANGES: &[Change] = &[
    |it| it.ending.blackout = false,
    |it| it.ending.moment = None,
    |it| it.ending.late_ms = 0,
    |it| it.ending.falls = 0,
    |it| it.ending.leader = None,
    |it| it.ending.outsiders.clear(),
    |it| it.ending.outsiders.truncate(it.ending.outsiders.len().saturating_sub(1)),
    |it| it.workload.large = None,
    |it| it.shape.proxies = it.shape.proxies.min(1),
    |it| it.shape.clients = it.shape.clients.min(1),
    |it| it.shape.clients = it.shape.clients.div_ceil(2),
    |it| it.shape.clients = it.shape.clients.saturating_sub(1),
    |it| it.shape.priorities.truncate(3),
    |it| it.shape.priorities.fill(0),
    |it| it.workload.keys = it.workload.keys.min(1),
    |it| it.workload.spans = Spans::default(),
    |it| it.workload.open_loops = 0,
    |it| it.workload.asks_anew = false,
    |it| it.workload.writes_end_ms = None,
    |it| it.workload.is_pinned = false,
    |it| it.workload.hot_percent = 0,
    |it| it.workload.past_percent = 0,
    |it| it.workload.compactions_percent = 0,
    |it| it.workload.deletes_percent = 0,
    |it| it.workload.reads_percent = 0,
    |it| it.workload.pause_ms = LONG_PAUSE,
    |it| it.shape.bandwidth_bytes_per_s = None,
    |it| it.shape.leases_switch = false,
    |it| it.shape.lease_reads = Leases::default(),
    |it| it.shape.swapped_peers = None,
    |it| it.shape.kept_revisions = None,
    |it| it.shape.retention = Retention::default(),
    |it| it.shape.answers = Answers::default(),
    |it| it.shape.disk_us = Range { low: 20, high: 200 },
    |it| it.shape.latency_us = Range { low: 200, high: 800 },
];

/// A file may hold it: its faults name machines that are there.
fn is_valid(scenario: &Scenario) -> bool {
    serde_json::to_value(scenario).is_ok_and(|stored| serde_json::from_value::<Scenario>(stored).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::generate;

    #[test]
    fn pieces_of_faults_cover_all_of_them() {
        let scenario = generate(1);
        let count = scenario.faults.len();
        for piece in [1, 2, 5, count, count + 3] {
            let candidates = without_faults(&scenario, piece);
            let lacking: usize = candidates.iter().map(|smaller| count - smaller.faults.len()).sum();
            assert_eq!(lacking, count, "pieces of {piece}");
        }
    }

    #[test]
    fn what_is_smaller_is_another_scenario_that_a_file_may_hold() {
        for seed in 0..30 {
            let scenario = generate(seed);
            let candidates =
                [simpler(&scenario, 1), with_less_chaos(&scenario), with_shorter_faults(&scenario)];
            for candidate in candidates.concat() {
                assert_ne!(candidate, scenario);
                assert!(is_valid(&candidate), "seed {seed}");
            }
        }
    }

    #[test]
    fn what_cannot_be_made_smaller_has_no_candidates() {
        let mut scenario = generate(1);
        scenario.faults.clear();
        scenario.chaos_ms = 50;
        while let Some(simpler) = simpler(&scenario, 1).pop() {
            scenario = simpler;
        }
        let left = [without_faults(&scenario, 1), with_less_chaos(&scenario), with_shorter_faults(&scenario)];
        assert_eq!(left.concat(), []);
    }
}
