//! Linearizable reads (Ongaro's thesis, section 6.4).

use super::check::{Checked, ensure};
use crate::{
    Failure, Rule,
    facts::{Facts, Node},
    observation::Step,
};

/// A leader that may serve reads by itself must be the only one. This goes by what has come to be, and not by when promises end: clocks
/// of which the core knows nothing decide.
pub(super) fn leases_are_exclusive(facts: &Facts, node: &Node, step: &Step<'_>) -> Checked {
    if !step.core.holds_lease() {
        return Ok(());
    }
    let term = step.after.term();
    let later = facts.leaders.last_key_value().filter(|(latest, _)| **latest > term);
    later.map_or(Ok(()), |(latest, leader)| {
        let detail = format!(
            "node {} leads term {term}, and may serve reads by lease at {} us of its clock, though node {leader} leads term {latest}",
            node.id,
            step.core.time_us()
        );
        Err(Failure::new(Rule::LeaseIsExclusive, node.id, term, detail).with(*leader))
    })
}

/// A read must reach the commit index of the moment at which it was asked for. Judged where the oracle was told of that.
pub(super) fn reads_see_what_was_committed(_: &Facts, node: &Node, step: &Step<'_>) -> Checked {
    step.effects.reads.iter().try_for_each(|ready| {
        let committed = node.reads.get(&ready.id).copied().unwrap_or(0);
        ensure(ready.index >= committed, || {
            let detail = format!("node {} reads at {}, {committed} was committed", node.id, ready.index);
            Failure::new(Rule::ReadIsLinearizable, node.id, step.after.term(), detail)
        })
    })
}
