//! What is committed, and how.

use conclave::raft::{Configuration, RoleName};

use crate::{
    facts::{Facts, Node, configuration},
    observation::Step,
    probe::{Probe, Reached},
};

pub(super) fn commits(_: &Facts, node: &Node, step: &Step<'_>, reached: &mut Reached) {
    let (core, after) = (step.core, step.after);
    if step.before.is_none_or(|before| before.commit == after.commit) {
        return;
    }
    if after.role != RoleName::Leader {
        if after.commit > node.disk.last().index {
            reached.insert(Probe::CommitHeardBeforeDisk);
        }
        return;
    }
    if step.committed().any(|entry| entry.term < after.term()) {
        reached.insert(Probe::EarlierTermCommitted);
    }
    if after.commit > core.durable() {
        reached.insert(Probe::CommitBeforeOwnDisk);
    }
    if core.configuration().is_joint() {
        reached.insert(Probe::JointCommit);
    }
}

pub(super) fn configurations(facts: &Facts, _: &Node, step: &Step<'_>, reached: &mut Reached) {
    for entry in step.committed().filter(|entry| facts.committed.at(entry.index).is_none()) {
        let Some(new) = configuration(&entry.payload) else { continue };
        if let Some(before) = facts.committed.latest_configuration() {
            changed(before, new, reached);
        }
    }
}

fn changed(before: &Configuration, new: &Configuration, reached: &mut Reached) {
    if new.voters.iter().any(|voter| before.learners.contains(voter)) {
        reached.insert(Probe::LearnerPromoted);
    }
    if new.gone.len() > before.gone.len() {
        reached.insert(Probe::MemberRemoved);
    }
    let gives = new.voters.difference(&new.outgoing).next().is_some();
    if new.is_joint() && gives && new.outgoing.difference(&new.voters).next().is_some() {
        reached.insert(Probe::ReplacedInOneChange);
    }
}
