//! Linearizable reads.

use conclave::raft::RoleName::Leader;

use crate::{
    facts::{Facts, Node},
    observation::Step,
    probe::{Probe, Reached},
};

pub(super) fn reads(_: &Facts, node: &Node, step: &Step<'_>, reached: &mut Reached) {
    let (core, effects, after) = (step.core, step.effects, step.after);
    let led = step.before.is_some_and(|before| before.role == Leader);
    if led && after.role != Leader && !effects.reads_failed.is_empty() {
        reached.insert(Probe::ReadsRefused);
    }
    if after.role != Leader {
        return;
    }
    if !effects.reads.is_empty() && core.holds_lease() {
        reached.insert(Probe::LeaseRead);
    }
    let knows_commit = core.entry(after.commit).is_some_and(|entry| entry.term == after.term());
    if !node.reads.is_empty() && !knows_commit && after.commit > after.compacted.index {
        reached.insert(Probe::ReadBeforeOwnTerm);
    }
}
