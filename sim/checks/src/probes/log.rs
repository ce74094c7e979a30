//! What a log loses.

use crate::{
    facts::{Facts, Node},
    invariants::without_quorum,
    observation::{Step, Write},
    probe::{Probe, Reached},
};

pub(super) fn written(facts: &Facts, node: &Node, step: &Step<'_>, reached: &mut Reached) {
    let Some(write) = &step.effects.persist else { return };
    let Some(first) = write.entries.first() else { return };
    if facts.terms_at(first.index).filter(|&term| term != first.term).count() >= 2 {
        reached.insert(Probe::ThreeEntriesAtOneIndex);
    }
    // What a snapshot takes the place of is not truncated.
    if write.compacted.is_some() || first.index > node.written.last().index {
        return;
    }
    reached.insert(Probe::LogTruncated);
    if first.index <= node.disk.last().index && !node.disk.holds(first.position()) {
        reached.insert(Probe::DurableEntryReplaced);
    }
    let replaced = node.written.term_at(first.index);
    if replaced.is_some_and(|term| facts.leaders.get(&term) == Some(&node.id)) {
        reached.insert(Probe::LeaderLosesItsTail);
    }
    if node.logged.range(first.index..).next().is_some() {
        reached.insert(Probe::ConfigurationTruncated);
    }
}

/// Figure 8 (c): a later leader may still replace it, though a majority holds it.
pub(super) fn figure_8(facts: &Facts, node: &Node, write: &Write<'_>, reached: &mut Reached) {
    let (Some(view), Some(old)) = (node.view, write.write.entries.last()) else { return };
    if old.term >= view.term() {
        return;
    }
    let position = old.position();
    let holds = |id| id == node.id || facts.has_held(id, position);
    if facts.committed.at(old.index).is_none() && without_quorum(&node.configuration, holds).is_none() {
        reached.insert(Probe::Figure8);
    }
}
