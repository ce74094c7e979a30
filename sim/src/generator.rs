//! From a seed to a scenario. Swarm testing: each seed switches some kinds of faults on and the others off, for a
//! fault that is always there hides what happens without it.

use crate::{
    draw::Draw,
    scenario::{Fault, Kind, Range, Retention, Scenario, Workload},
};

/// The scenario of a seed.
pub fn generate(seed: u64) -> Scenario {
    let mut draw = Draw::new(seed, "shape", 0);
    let nodes = *draw.pick(&[3, 3, 5]);
    let prefers_a_leader = draw.chance(40);
    let priorities = (0..nodes).map(|_| if prefers_a_leader { draw.below(3) as u32 } else { 0 }).collect();
    let latency_high = *draw.pick(&[800, 2_000, 8_000, 20_000]);
    let heartbeat_ms = *draw.pick(&[30, 50]);
    let mut scenario = Scenario {
        seed,
        priorities,
        proxies: draw.between(1, 2),
        clients: draw.between(3, 6),
        chaos_ms: draw.between(5_000, 15_000),
        latency_us: Range { low: 200, high: latency_high },
        disk_us: *draw.pick(&[
            Range { low: 20, high: 200 },
            Range { low: 200, high: 2_000 },
            Range { low: 1_000, high: 15_000 },
        ]),
        heartbeat_ms,
        election_timeout_ms: heartbeat_ms * draw.between(4, 8),
        retention: retention(seed),
        lease_reads: Draw::new(seed, "leases", 0).chance(30),
        workload: workload(seed),
        faults: Vec::new(),
    };
    scenario.faults = faults(&scenario);
    scenario
}

/// Often so little that whoever was away needs a snapshot.
fn retention(seed: u64) -> Retention {
    let mut draw = Draw::new(seed, "retention", 0);
    let log_entries = *draw.pick(&[10, 100, 1_000, 200_000]);
    Retention {
        sync_entries: log_entries / 4,
        log_entries,
        piece_bytes: *draw.pick(&[1_000, 16_000, 512 << 10]),
    }
}

fn workload(seed: u64) -> Workload {
    let mut draw = Draw::new(seed, "workload", 0);
    Workload {
        keys: *draw.pick(&[1, 3, 8, 20]),
        reads_percent: *draw.pick(&[20, 50, 80]),
        deletes_percent: *draw.pick(&[0, 5, 20]),
        pause_ms: *draw.pick(&[
            Range { low: 0, high: 5 },
            Range { low: 5, high: 60 },
            Range { low: 50, high: 200 },
        ]),
        patience_ms: *draw.pick(&[500, 2_000, 5_000]),
    }
}

/// Draws one fault of some kind; the kinds are listed in `KINDS`. The number of the fault makes ids of new nodes.
type Recipe = fn(&mut Draw, &Scenario, u64) -> Kind;

const KINDS: &[Recipe] = &[
    |draw, scenario, _| Kind::Crash { node: any_node(draw, scenario) },
    |draw, scenario, _| Kind::PowerLoss { node: any_node(draw, scenario) },
    |draw, scenario, _| Kind::PowerLossInSync { node: any_node(draw, scenario), nth: draw.below(4) },
    |_, _, _| Kind::Blackout,
    |draw, scenario, _| Kind::Pause { node: any_node(draw, scenario) },
    partition,
    |draw, scenario, _| Kind::IsolatedLeader { proxies: some_proxies(draw, scenario) },
    |draw, scenario, _| {
        let from = any_node(draw, scenario);
        let others: Vec<u64> = scenario.founders().filter(|&id| id != from).collect();
        Kind::CutOneWay { from, to: *draw.pick(&others) }
    },
    |draw, scenario, _| Kind::Deaf { node: any_node(draw, scenario), inbound: draw.chance(50) },
    |draw, _, _| Kind::SlowNetwork { latency_us: Range { low: 5_000, high: draw.between(30_000, 300_000) } },
    |draw, scenario, _| Kind::SlowDisk {
        node: any_node(draw, scenario),
        disk_us: Range { low: 10_000, high: draw.between(50_000, 1_000_000) },
    },
    |draw, scenario, _| Kind::Stop { node: any_node(draw, scenario) },
    |draw, scenario, _| Kind::Transfer { to: any_node(draw, scenario) },
    |draw, scenario, number| Kind::Replace {
        node: any_node(draw, scenario),
        new: newcomer(scenario, number),
    },
    |draw, scenario, number| Kind::Join { new: newcomer(scenario, number), learner: draw.chance(40) },
    |draw, scenario, _| Kind::Leave { node: any_node(draw, scenario) },
    |draw, scenario, _| Kind::ProxyCrash { proxy: draw.below(scenario.proxies) },
    |draw, scenario, _| Kind::ClientCrash { client: draw.below(scenario.clients) },
];

fn faults(scenario: &Scenario) -> Vec<Fault> {
    let mut draw = Draw::new(scenario.seed, "faults", 0);
    let kinds = draw.some_of(KINDS, 45);
    let interval_ms = *draw.pick(&[300, 800, 2_000]);
    let mut faults = Vec::new();
    let mut at_ms = draw.between(200, 1_500);
    // Each fault draws from a stream of its own: one less leaves the others as they were.
    for number in 0.. {
        let mut own = Draw::new(scenario.seed, "fault", number);
        if at_ms >= scenario.chaos_ms {
            break;
        }
        let kind = own.pick(&kinds)(&mut own, scenario, number);
        faults.push(Fault { at_ms, for_ms: own.between(50, 3_000), kind });
        at_ms += own.between(1, 2 * interval_ms);
    }
    faults
}

fn any_node(draw: &mut Draw, scenario: &Scenario) -> u64 {
    draw.between(1, scenario.priorities.len() as u64)
}

/// A new node's id, which no other fault names.
fn newcomer(scenario: &Scenario, number: u64) -> u64 {
    scenario.priorities.len() as u64 + 1 + number
}

/// A minority or a majority, never nobody and never all.
fn partition(draw: &mut Draw, scenario: &Scenario, _: u64) -> Kind {
    let ids: Vec<u64> = scenario.founders().collect();
    let mut side = draw.some_of(&ids, 40);
    side.truncate(ids.len() - 1);
    Kind::Partition { side, proxies: some_proxies(draw, scenario) }
}

/// Each proxy is among them or not.
fn some_proxies(draw: &mut Draw, scenario: &Scenario) -> Vec<u64> {
    (0..scenario.proxies).filter(|_| draw.chance(50)).collect()
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
        let drawn: std::collections::BTreeSet<&str> =
            (0..100).flat_map(|seed| generate(seed).faults).map(|fault| fault.kind.name()).collect();
        assert_eq!(drawn.len(), KINDS.len());
    }
}
