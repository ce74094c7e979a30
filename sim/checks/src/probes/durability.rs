//! What a restarted node finds. The node's last view is still that of its last life.

use conclave::raft::RoleName;

use crate::{
    facts::{Facts, Node},
    observation::Start,
    probe::{Probe, Reached},
};

pub(super) fn starts(facts: &Facts, node: &Node, start: &Start<'_>, reached: &mut Reached) {
    let others = || facts.nodes().filter(|other| other.id != node.id);
    let led = node.view.filter(|view| view.role == RoleName::Leader);
    if led.is_some_and(|view| others().all(|other| !other.written.holds(view.last))) {
        reached.insert(Probe::LeaderRestartsWithTail);
    }
    if others().filter_map(|other| other.view).any(|other| other.term() > start.core.term()) {
        reached.insert(Probe::RestartInEarlierTerm);
    }
    if node.applied > start.core.commit() {
        reached.insert(Probe::StateRebuilt);
    }
    let latest = facts.committed.latest_configuration();
    if latest.is_some_and(|latest| latest.gone.contains(&node.id)) {
        reached.insert(Probe::RemovedNodeStarts);
    }
}

pub(super) fn writes_under_way(_: &Facts, node: &Node, start: &Start<'_>, reached: &mut Reached) {
    let Some(kept) = start.writes else { return };
    if kept < node.under_way.len() {
        reached.insert(Probe::CrashLosesWrites);
    }
    if kept > 0 {
        reached.insert(Probe::CrashKeepsWrite);
    }
    let votes = node.under_way.iter().take(kept).filter_map(|write| write.vote);
    if votes.into_iter().any(|vote| vote.candidate.is_some()) {
        reached.insert(Probe::CrashKeepsVote);
    }
    let found = start.found.compacted();
    if kept == 0 && found.index > node.disk.compacted().index && node.installing.contains(&found) {
        reached.insert(Probe::CrashAfterInstall);
    }
}
