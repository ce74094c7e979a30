//! Linearizable reads (Ongaro's thesis, section 6.4).

use super::check::{Checked, ensure};
use crate::{
    Failure, Rule,
    facts::{Facts, Node},
    observation::Step,
};

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
