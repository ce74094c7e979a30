//! Another scenario, made of one or two that there are: what guides a campaign. It has no seed that it could be made from again; it is
//! stored when it fails.

use conclave::env::{Buggify, Knob};
use conclave_checks::draw::Draw;

use super::{
    Scenario,
    agenda::roster,
    generator::{let_sessions_last, may_set},
    timed::Timed,
};
use crate::{faults::Fault, trace::Moment, world::Rate};

/// So many changes at most make a variation.
const CHANGES_MAX: u64 = 4;
/// Attempts until there is one that a file may hold.
const ATTEMPTS: u32 = 8;
/// More faults than this take long and show no more.
const FAULTS_MAX: usize = 120;
const LONGEST_MS: u64 = 20_000;

/// A variation of a scenario, which may take faults from another one. It always has a schedule of its own.
pub fn vary(scenario: &Scenario, other: &Scenario, draw: &mut Draw) -> Scenario {
    for _ in 0..ATTEMPTS {
        let mut varied = scenario.clone();
        varied.schedule = Some(draw.number());
        for _ in 0..draw.between(0, CHANGES_MAX) {
            draw.pick(CHANGES)(&mut varied, other, draw);
        }
        varied.faults.retain(|timed| timed.at_ms <= varied.chaos_ms);
        varied.faults.truncate(FAULTS_MAX);
        varied.faults.sort_by_key(|timed| timed.at_ms);
        if is_valid(&varied) {
            return varied;
        }
    }
    Scenario { schedule: Some(draw.number()), ..scenario.clone() }
}

/// A file may hold it: its faults name machines that are there.
fn is_valid(scenario: &Scenario) -> bool {
    serde_json::to_value(scenario).is_ok_and(|stored| serde_json::from_value::<Scenario>(stored).is_ok())
}

type ChangeOf = fn(&mut Scenario, &Scenario, &mut Draw);

const CHANGES: &[ChangeOf] = &[
    // A fault more, and more often than one less: what is kept has met something because of what it has.
    add_fault,
    add_fault,
    remove_fault,
    move_fault,
    stretch_fault,
    wait_for_moment,
    take_faults,
    take_faults,
    set_knob,
    switch_point,
];

fn add_fault(scenario: &mut Scenario, _: &Scenario, draw: &mut Draw) {
    let mut roster = roster(&scenario.shape);
    roster.next_newcomer = scenario.newcomers().into_iter().max().unwrap_or(roster.founders) + 1;
    let families: Vec<_> =
        Fault::FAMILIES.iter().filter(|family| family.founders_min <= roster.founders).collect();
    let fault = (draw.pick(&families).recipe)(draw, &roster);
    if !may_have(scenario, &fault) {
        return;
    }
    let at_ms = draw.below(scenario.chaos_ms);
    let for_ms = draw.between(1, 3_000) * fault.lasts();
    scenario.faults.push(Timed { at_ms, for_ms, moment: None, fault });
}

fn remove_fault(scenario: &mut Scenario, _: &Scenario, draw: &mut Draw) {
    if let Some(place) = any(scenario, draw) {
        scenario.faults.remove(place);
    }
}

fn move_fault(scenario: &mut Scenario, _: &Scenario, draw: &mut Draw) {
    if let Some(place) = any(scenario, draw) {
        scenario.faults[place].at_ms = draw.below(scenario.chaos_ms);
    }
}

fn stretch_fault(scenario: &mut Scenario, _: &Scenario, draw: &mut Draw) {
    if let Some(place) = any(scenario, draw) {
        let percent = *draw.pick(&[10, 50, 200, 1_000]);
        let timed = &mut scenario.faults[place];
        timed.for_ms = (timed.for_ms * percent / 100).clamp(1, LONGEST_MS);
    }
}

fn wait_for_moment(scenario: &mut Scenario, _: &Scenario, draw: &mut Draw) {
    if let Some(place) = any(scenario, draw) {
        scenario.faults[place].moment = Some(*draw.pick(Moment::MAIN));
    }
}

/// A few consecutive faults of the other scenario, at the times that they have there.
fn take_faults(scenario: &mut Scenario, other: &Scenario, draw: &mut Draw) {
    let Some(first) = any(other, draw) else { return };
    let count = draw.between(1, 6) as usize;
    let those = other.faults[first..].iter().take(count).filter(|timed| may_have(scenario, &timed.fault));
    let those: Vec<Timed> = those.cloned().collect();
    scenario.faults.extend(those);
}

fn set_knob(scenario: &mut Scenario, _: &Scenario, draw: &mut Draw) {
    let knob = *draw.pick(Knob::ALL);
    if may_set(knob, &scenario.workload) {
        scenario.knobs.set(knob, *draw.pick(knob.draws()));
        let_sessions_last(scenario);
    }
}

fn switch_point(scenario: &mut Scenario, _: &Scenario, draw: &mut Draw) {
    let point = *draw.pick(Buggify::ALL);
    scenario.buggify.set(point, Rate::per_million(*draw.pick(&[500, 5_000, 50_000])));
}

/// The generator gives a scenario with floods lines and a log that bear them; without these they are no fair load.
fn may_have(scenario: &Scenario, fault: &Fault) -> bool {
    let is_flood = |fault: &Fault| matches!(fault, Fault::Flood(_));
    !is_flood(fault) || scenario.faults.iter().any(|timed| is_flood(&timed.fault))
}

fn any(scenario: &Scenario, draw: &mut Draw) -> Option<usize> {
    let count = scenario.faults.len() as u64;
    (count > 0).then(|| draw.below(count) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::generate;

    #[test]
    fn a_variation_differs_and_a_file_may_hold_it() {
        for seed in 0..60 {
            let (scenario, other) = (generate(seed), generate(seed + 1_000));
            let vary = |actor| vary(&scenario, &other, &mut Draw::new(seed, "variation", actor));
            let varied = vary(0);
            assert_ne!(varied, scenario);
            assert_eq!(varied, vary(0), "the same draws make the same variation");
            assert!(is_valid(&varied), "seed {seed}");
            assert!((0..20).any(|actor| vary(actor).faults != scenario.faults), "seed {seed}");
        }
    }
}
