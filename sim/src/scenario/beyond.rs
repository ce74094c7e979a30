//! Scenarios beyond the envelope: the disks of most nodes are damaged, or of all, and nobody takes their places. What was acknowledged
//! may be lost then, and the cluster may not serve any more; but no answer may be wrong.

use conclave_checks::draw::Draw;

use super::{Ending, Scenario, timed::Timed};
use crate::faults::{blackout, damages};

/// From here on seeds are of such scenarios.
pub const BEYOND_SEEDS: u64 = 1 << 40;

/// The same scenario, with damage to more disks than it bears.
pub(super) fn beyond(mut scenario: Scenario) -> Scenario {
    let mut draw = Draw::new(scenario.shape.seed, "beyond", 0);
    let founders = scenario.shape.priorities.len() as u64;
    let first = draw.below(founders);
    let damaged = draw.between(founders / 2 + 1, founders);
    let newcomers = scenario.newcomers().into_iter().max().unwrap_or(founders) + 1..;
    for (offset, new) in (0..damaged).zip(newcomers) {
        let node = 1 + (first + offset) % founders;
        let fault = damages(&mut draw, node, new);
        let at_ms = draw.between(scenario.chaos_ms / 5, scenario.chaos_ms - 1);
        scenario.faults.push(Timed { at_ms, for_ms: draw.between(50, 3_000), moment: None, fault });
    }
    if draw.chance(50) {
        scenario.faults.push(Timed {
            at_ms: scenario.chaos_ms - 1,
            for_ms: 1,
            moment: None,
            fault: blackout(),
        });
    }
    scenario.faults.sort_by_key(|timed| timed.at_ms);
    scenario.shape.beyond = true;
    scenario.ending = Ending::default();
    scenario
}
