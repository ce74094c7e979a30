//! Linearizable reads (Ongaro's thesis, section 6.4).

use super::{Checked, ensure};
use crate::{Failure, Rule, facts::Facts, observation::Step};

/// A read must reach the commit index of the moment at which it was asked for. Judged where the oracle was told of that.
pub(super) fn reads_see_what_was_committed(facts: &Facts, step: &Step<'_>) -> Checked {
    let (id, asked) = (step.id(), &facts.node(step.id()).reads);
    step.effects.reads.iter().try_for_each(|ready| {
        let committed = asked.get(&ready.id).copied().unwrap_or(0);
        ensure(ready.index >= committed, || {
            let detail = format!("node {id} reads at {}, {committed} was committed", ready.index);
            Failure::new(Rule::ReadIsLinearizable, id, step.after.term, detail)
        })
    })
}
