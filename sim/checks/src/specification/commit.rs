//! What is committed: AdvanceCommitIndex and the end of HandleAppendEntriesRequest of raft.tla.

use conclave::raft::{Body, NodeId, RoleName, Term as Number};

use super::{
    election::quorum,
    term::{Term, Terms, counted},
    transition::Transition,
};
use crate::{
    Failure, Rule,
    invariants::{Checked, ensure},
};

/// A commit index rises as a leader's does, as a follower's does, or by a snapshot.
pub(super) fn commit_is_allowed(terms: &Terms, it: &Transition<'_>) -> Checked {
    let (before, after, id) = (it.before.commit, it.step.after, it.id());
    if after.commit <= before {
        return Ok(());
    }
    let by_snapshot =
        after.commit == after.compacted.index && it.before.installing.contains(&after.compacted);
    let mut own_terms = terms.range(it.terms()).filter(|(number, _)| it.leads(**number));
    if by_snapshot || terms.range(it.terms()).any(|(_, term)| is_told(it, term)) {
        return Ok(());
    }
    if own_terms.clone().any(|(&number, term)| why_not(it, number, term).is_none()) {
        return Ok(());
    }
    let leads = |role| role == RoleName::Leader;
    match own_terms.next_back().filter(|_| leads(after.role) || leads(it.before.role)) {
        Some((&number, term)) => {
            let why = why_not(it, number, term).unwrap_or_default();
            let detail = format!(
                "node {id} leads term {number} and goes from commit index {before} to {}, {why}",
                after.commit
            );
            Err(Failure::new(Rule::LeaderCommits, id, number, detail))
        }
        None => {
            let told = terms.range(it.terms()).filter_map(|(_, term)| Some(term.told.get(&id)?.commit)).max();
            let detail = format!(
                "node {id} goes from commit index {before} to {}; its log ends with {}, the leaders of its terms {:?} told it to commit up to {}",
                after.commit,
                it.log.last(),
                it.terms(),
                told.unwrap_or(0)
            );
            Err(Failure::new(Rule::FollowerCommits, id, after.term(), detail))
        }
    }
}

/// HandleAppendEntriesRequest: as far as the leader told, and the log is known to be the leader's.
fn is_told(it: &Transition<'_>, term: &Term) -> bool {
    let commit = it.step.after.commit;
    let is_told = || term.told.get(&it.id()).is_some_and(|told| told.commit >= commit);
    let is_held = || term.log_of_other(it.id()).is_some_and(|log| !log.differs_at(commit, it.log));
    term.unwatched.contains(&it.id()) || is_told() && is_held()
}

/// AdvanceCommitIndex: to an entry of the leader's own term, which a quorum of a configuration in force holds durably.
fn why_not(it: &Transition<'_>, number: Number, term: &Term) -> Option<String> {
    let (id, commit) = (it.id(), it.step.after.commit);
    let found = it.log.term_at(commit);
    if found != Some(number) {
        return Some(format!("{commit}@{} is an entry of another term", found.unwrap_or(0)));
    }
    let is_durable = it.before.durable.log.term_at(commit) == Some(number);
    let holds = |member: NodeId, configuration: &_| match member == id {
        true => is_durable,
        false => counted(&term.acks, configuration, member).is_some_and(|&matched| matched >= commit),
    };
    let copies = quorum(it, holds)?;
    let acks: Vec<_> = term.acks.iter().map(|(&(member, _), matched)| (member, matched)).collect();
    let own = it.before.durable.log.last();
    Some(format!(
        "with {copies} copies in {}: acknowledged were (node, index) {acks:?}, its own disk holds {own}",
        it.before.configuration
    ))
}

/// A heartbeat proves nothing of the logs: it commits no more than the receiver has acknowledged.
pub(super) fn heartbeats_are_safe(terms: &Terms, it: &Transition<'_>) -> Checked {
    it.step.effects.messages.iter().try_for_each(|message| {
        let Body::HeartbeatRequest { commit, .. } = message.body else { return Ok(()) };
        let acked = terms.get(&message.term).map_or(0, |term| term.ack_of(message.to));
        ensure(commit <= acked && commit <= it.step.after.commit, || {
            let (id, to, own) = (it.id(), message.to, it.step.after.commit);
            let detail = format!(
                "node {id} tells node {to} to commit up to {commit}, which has acknowledged {acked}; its own commit index is {own}"
            );
            Failure::new(Rule::HeartbeatIsSafe, id, message.term, detail).with(to)
        })
    })
}
