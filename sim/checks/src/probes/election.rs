//! Terms, roles and leaders.

use conclave::raft::RoleName::{Candidate, Follower, Leader, PreCandidate};

use crate::{
    facts::{Facts, Node},
    observation::Step,
    probe::{Probe, Reached},
};

pub(super) fn roles(facts: &Facts, _: &Node, step: &Step<'_>, reached: &mut Reached) {
    let Some(before) = step.before else { return };
    let (core, after) = (step.core, step.after);
    let is_same_term = before.term() == after.term();
    let knows_leader = core.leader().is_some();
    reached.extend(match (before.role, after.role) {
        (Leader, Follower) if !is_same_term => Some(Probe::LeaderDeposed),
        (Leader, Follower) if core.configuration().is_voter(step.id()) => Some(Probe::LeaderWithoutQuorum),
        (Leader, Follower) => Some(Probe::RemovedLeaderStepsDown),
        (Candidate, Follower) if is_same_term && knows_leader => Some(Probe::CandidateYields),
        (Candidate, Follower) if is_same_term => Some(Probe::ElectionLost),
        (Candidate, PreCandidate | Candidate) if !facts.leaders.contains_key(&before.term()) => {
            Some(Probe::SplitVote)
        }
        (PreCandidate, Follower) if is_same_term && !knows_leader => Some(Probe::PreVoteLost),
        _ => None,
    });
}

pub(super) fn candidates(facts: &Facts, node: &Node, step: &Step<'_>, reached: &mut Reached) {
    let after = step.after;
    if !matches!(after.role, PreCandidate | Candidate) {
        return;
    }
    let latest = facts.committed.latest_configuration();
    if latest.is_some_and(|latest| latest.gone.contains(&node.id)) {
        reached.insert(Probe::RemovedNodeCampaigns);
    }
    let mut others = facts.nodes().filter(|other| other.id != node.id).filter_map(|other| other.view);
    if after.role == Candidate && others.any(|other| other.role == Candidate && other.term() == after.term())
    {
        reached.insert(Probe::TwoCandidates);
    }
}

pub(super) fn leaders(facts: &Facts, node: &Node, step: &Step<'_>, reached: &mut Reached) {
    let (core, after) = (step.core, step.after);
    if !after.begins_to_lead(step.before) {
        return;
    }
    let term = after.term();
    let others = || facts.nodes().filter(|other| other.id != node.id);
    if others().filter_map(|other| other.view).any(|other| other.term() > term) {
        reached.insert(Probe::ElectedLate);
    }
    let is_longer = |other: &Node| other.written.last().index > after.last.index;
    if others().any(|other| core.configuration().is_voter(other.id) && is_longer(other)) {
        reached.insert(Probe::LeaderWithShorterLog);
    }
    if term > 2 && (term - 2..term).all(|earlier| !facts.leaders.contains_key(&earlier)) {
        reached.insert(Probe::TermsWithoutLeader);
    }
    // Its last entry is the first of its own.
    if after.last.index > facts.committed.last() + 1 {
        reached.insert(Probe::LeaderInheritsTail);
    }
    match core.configuration() {
        joint if joint.is_joint() => drop(reached.insert(Probe::LeaderInheritsJoint)),
        staged if staged.is_changing() => drop(reached.insert(Probe::LeaderInheritsStaged)),
        _ => {}
    }
}

/// Any step shows that it still runs.
pub(super) fn stale_leaders(facts: &Facts, _: &Node, step: &Step<'_>, reached: &mut Reached) {
    let latest = facts.leaders.last_key_value().map_or(0, |(&term, _)| term);
    if step.after.role == Leader && step.after.term() < latest {
        reached.insert(Probe::StaleLeader);
    }
}
