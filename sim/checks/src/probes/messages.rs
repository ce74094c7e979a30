//! What nodes say to each other.

use conclave::raft::{AppendOutcome, Body, Index, Message, Position};

use crate::{
    facts::{Facts, Node},
    observation::Step,
    probe::{Probe, Reached},
};

pub(super) fn sent(facts: &Facts, node: &Node, step: &Step<'_>, reached: &mut Reached) {
    let promises = step.effects.persist.iter().flat_map(|write| &write.promises);
    for message in step.effects.messages.iter().chain(promises) {
        reached.extend(match message.body {
            Body::VoteResponse { granted: false } => denied_vote(facts, step, message),
            Body::PreVoteResponse { granted: false } => {
                step.core.leader().is_some().then_some(Probe::PreVoteDeniedLeader)
            }
            Body::Removed { .. } => Some(Probe::RemovedNodeIsTold),
            Body::ReadIndexRequest { .. } => Some(Probe::ReadForwarded),
            Body::ReadIndexResponse { index: None, .. } => Some(Probe::ForwardedReadRefused),
            Body::SnapshotRejected { .. } => Some(Probe::SnapshotNotTaken),
            Body::TimeoutNow => Some(Probe::TransferTargetTold),
            _ => None,
        });
        if let Body::AppendResponse { outcome: AppendOutcome::Rejected { previous_index, hint }, .. } =
            message.body
        {
            rejected_append(node, previous_index, hint, reached);
        }
    }
}

/// The candidate is as it was when it asked: its log does not change while it campaigns.
fn denied_vote(facts: &Facts, step: &Step<'_>, message: &Message) -> Option<Probe> {
    let after = step.after;
    let candidate = facts.node(message.to)?.view?;
    if message.term != after.term() || candidate.term() != message.term {
        return None;
    }
    match after.vote.candidate {
        Some(other) if other != message.to => Some(Probe::VoteDeniedEarlierVote),
        _ if candidate.last < after.last => Some(Probe::VoteDeniedShorterLog),
        _ if step.core.leader().is_none() => Some(Probe::VoteDeniedPromise),
        _ => None,
    }
}

fn rejected_append(node: &Node, previous: Index, hint: Position, reached: &mut Reached) {
    if previous > node.written.last().index {
        reached.insert(Probe::AppendRejectedGap);
        return;
    }
    reached.insert(Probe::AppendRejectedConflict);
    // More than one entry, and all of a term: those behind the hint are of another.
    let skipped = node.written.term_at(previous);
    if previous > hint.index + 1 && skipped.is_some_and(|term| term > hint.term) {
        reached.insert(Probe::HintSkipsTerm);
    }
}
