//! From a seed to its faults and their times. Each seed switches some families on, and has an intensity of its own: how long faults
//! last beside the election timeout, and how close they follow each other.

use std::collections::BTreeSet;

use conclave::env::Rare;
use conclave_checks::draw::Draw;

use super::{stress::Stress, timed::Timed};
use crate::{
    faults::{Fault, Recipe, Roster, Target, arrival, blackout, removal},
    trace::{Moment, Range},
    world::Shape,
};

/// What leases are there to bear, and is seldom enough in the same run.
const TRY_LEASES: [&str; 2] = ["diverging-clocks", "isolated-leader"];

/// One fault is over before the next one comes, mostly.
const SPARSE_INTERVAL_MS: u64 = 2_000;

/// Whom faults may strike at first.
pub(super) fn roster(shape: &Shape) -> Roster {
    let founders = shape.priorities.len() as u64;
    let (newcomers, next_newcomer) = (BTreeSet::new(), founders + 1);
    let (proxies, clients) = (shape.proxies, shape.clients);
    Roster { founders, newcomers, proxies, clients, next_newcomer, has_subject: false }
}

/// The faults of a run, in order of time.
pub(super) fn faults(shape: &Shape, chaos_ms: u64) -> Vec<Timed> {
    let mut roster = roster(shape);
    let mut draw = Draw::new(shape.seed, "faults", 0);
    let recipes = some_families(shape, &roster);
    let interval_ms = *draw.pick(&[300, 800, 2_000]);
    let interval_ms = if Stress::of(shape.seed).is_sparse() { SPARSE_INTERVAL_MS } else { interval_ms };
    let lengths = lengths(shape);
    let mut faults = Vec::new();
    let mut at_ms = draw.between(200, 1_500);
    // Each fault draws from a stream of its own: one less leaves the others as they were.
    for number in 0.. {
        let mut own = Draw::new(shape.seed, "fault", number);
        if at_ms >= chaos_ms {
            break;
        }
        let moment = moment(shape.seed, number);
        roster.has_subject = moment.is_some();
        let fault = own.pick(&recipes)(&mut own, &roster);
        let Range { low, high } = *own.pick(&lengths);
        let for_ms = own.between(low, high) * fault.lasts();
        faults.push(Timed { at_ms, for_ms, moment, fault });
        at_ms += own.between(1, 2 * interval_ms);
        roster.next_newcomer += 1;
    }
    faults.extend(last_faults(shape, &roster, chaos_ms));
    faults.sort_by_key(|timed| timed.at_ms);
    faults
}

/// What comes at the very end, so that nothing else undoes it before all is healed.
fn last_faults(shape: &Shape, roster: &Roster, chaos_ms: u64) -> Vec<Timed> {
    match Stress::of(shape.seed) {
        Stress::Leaders => last_isolation(shape, roster, chaos_ms).into_iter().collect(),
        Stress::Members => dark_change(shape, roster, chaos_ms),
        Stress::Nothing | Stress::Lines => Vec::new(),
    }
}

/// Where leaders fall the last one that reigned long is cut off when the chaos ends: what it took in vain stays in its log.
fn last_isolation(shape: &Shape, roster: &Roster, chaos_ms: u64) -> Option<Timed> {
    const LASTS_MS: u64 = 20_000;
    let isolation = Fault::FAMILIES.iter().find(|family| family.name == "isolated-leader")?;
    if roster.founders < isolation.founders_min {
        return None;
    }
    let mut draw = Draw::new(shape.seed, "last fault", 0);
    let at_ms = chaos_ms - draw.between(1, 1_000);
    let fault = (isolation.recipe)(&mut draw, roster);
    Some(Timed { at_ms, for_ms: LASTS_MS, moment: None, fault })
}

/// Where the members change again and again a last one goes, in most of the runs, or comes, in a quarter; and everything loses its
/// power while some nodes know it and others do not.
fn dark_change(shape: &Shape, roster: &Roster, chaos_ms: u64) -> Vec<Timed> {
    const LASTS_MS: u64 = 500;
    /// Whoever comes must catch up first.
    const JOIN_MS_MAX: u64 = 2_500;
    let mut draw = Draw::new(shape.seed, "dark change", 0);
    let (change, ms_max) = match draw.below(8) {
        0 => return Vec::new(),
        1..=2 => (arrival(roster.next_newcomer), JOIN_MS_MAX),
        _ if draw.chance(75) => (removal(Target::Leader), LASTS_MS),
        _ => (removal(Target::Follower(draw.below(4))), LASTS_MS),
    };
    let at_ms = chaos_ms.saturating_sub(draw.between(1, ms_max));
    let moment = Some(*draw.pick(&[Moment::MembersStored, Moment::MembersSettled]));
    vec![
        Timed { at_ms, for_ms: LASTS_MS, moment, fault: blackout() },
        Timed { at_ms, for_ms: LASTS_MS, moment: None, fault: change },
    ]
}

/// A fifth of the faults wait for a moment, or more, most of them for one in which a node is half-way through something.
fn moment(seed: u64, fault: u64) -> Option<Moment> {
    let (mut draw, stress) = (Draw::new(seed, "moment", fault), Stress::of(seed));
    match draw.below(100) {
        lot if lot < stress.waiting_percent() => Some(*draw.pick(stress.moments())),
        97.. => Some(Moment::Reached(*draw.pick(Rare::ALL))),
        _ => None,
    }
}

/// How long faults last, in milliseconds: from far below the election timeout, where nobody may notice, to far above it, where
/// everybody has given up. A third of the seeds mix all of it.
fn lengths(shape: &Shape) -> Vec<Range> {
    let timeout_ms = shape.election_timeout_ms;
    let all = [
        Range { low: 1, high: timeout_ms / 4 },
        Range { low: timeout_ms / 2, high: 3 * timeout_ms },
        Range { low: 50, high: 3_000 },
        Range { low: 10 * timeout_ms, high: 40 * timeout_ms },
    ];
    match Draw::new(shape.seed, "lengths", 0).below(9) {
        lot @ 0..=1 => vec![all[lot as usize]],
        2..=4 => vec![all[2]],
        5 => vec![all[3]],
        _ => all.to_vec(),
    }
}

/// The families that a seed switches on. Each draws from a stream of its own: a family more leaves the others as they were.
fn some_families(shape: &Shape, roster: &Roster) -> Vec<Recipe> {
    let seed = shape.seed;
    let families = || Fault::FAMILIES.iter().filter(|family| family.founders_min <= roster.founders);
    let try_leases = !shape.leases_are_off();
    let percent = |name| if try_leases && TRY_LEASES.contains(&name) { 85 } else { 45 };
    let is_sparse = Stress::of(seed).is_sparse();
    let is_on = |name: &'static str| !is_sparse && Draw::new(seed, name, 0).chance(percent(name));
    let chosen: Vec<Recipe> =
        families().filter(|family| is_on(family.name)).map(|family| family.recipe).collect();
    let stressed = Stress::of(seed).families();
    let stressed: Vec<Recipe> =
        families().filter(|family| stressed.contains(&family.name)).map(|family| family.recipe).collect();
    match chosen.is_empty() && stressed.is_empty() {
        true => {
            let all: Vec<Recipe> = families().map(|family| family.recipe).collect();
            vec![*Draw::new(seed, "families", 0).pick(&all)]
        }
        false => {
            // So often that they are a half, or more.
            let times = if stressed.is_empty() { 0 } else { chosen.len() / stressed.len() + 1 };
            chosen.into_iter().chain(stressed.repeat(times)).collect()
        }
    }
}
