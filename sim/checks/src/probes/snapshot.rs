//! Compaction and snapshots.

use conclave::raft::RoleName;

use crate::{
    facts::{Facts, Node},
    observation::{Install, Step},
    probe::{Probe, Reached},
};

pub(super) fn installs(facts: &Facts, node: &Node, install: &Install<'_>, reached: &mut Reached) {
    let (last, log) = (install.snapshot.last, &node.written);
    let latest = facts.committed.latest_configuration();
    if latest.is_some_and(|latest| latest.is_joint()) {
        reached.insert(Probe::InstallDuringJoint);
    }
    if install.snapshot.configuration.is_joint() {
        reached.insert(Probe::JointSnapshot);
    }
    match log.last().index {
        0 => drop(reached.insert(Probe::NewcomerInstalls)),
        end if end > last.index && log.matches(last) => drop(reached.insert(Probe::InstallKeepsTail)),
        end if end >= last.index && !log.holds(last) => drop(reached.insert(Probe::InstallOverConflict)),
        _ => {}
    }
}

pub(super) fn streams(_: &Facts, _: &Node, step: &Step<'_>, reached: &mut Reached) {
    let effects = step.effects;
    if !effects.cancelled.is_empty() {
        reached.insert(Probe::StreamCancelled);
    }
    if !effects.rejected.is_empty() {
        reached.insert(Probe::SnapshotRejected);
    }
    let receivers = || step.core.peers().iter().filter(|peer| peer.receives_snapshot).count();
    if !effects.snapshots.is_empty() && receivers() >= 2 {
        reached.insert(Probe::TwoReceiveSnapshots);
    }
}

pub(super) fn compactions(facts: &Facts, node: &Node, step: &Step<'_>, reached: &mut Reached) {
    let compacted = step.after.compacted;
    let is_new = step.before.is_some_and(|before| before.compacted < compacted);
    let is_behind = |voter: &Node| voter.id != node.id && voter.written.last().index < compacted.index;
    let configuration = step.core.configuration();
    if is_new
        && step.after.role == RoleName::Leader
        && facts.nodes().any(|voter| configuration.is_voter(voter.id) && is_behind(voter))
    {
        reached.insert(Probe::VoterLeftBehind);
    }
}
