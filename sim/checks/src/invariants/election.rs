//! Terms, votes and leaders (sections 5.1, 5.2 and 5.4).

use conclave::raft::{NodeId, Persist, Term, Vote};

use super::check::{Checked, ensure, without_quorum};
use crate::{
    Failure, Rule,
    facts::{Facts, Node, votes},
    observation::{Start, Step, Write},
};

/// Whether a disk, or a core, may go from one vote to another: terms only grow, and within one a vote stays.
pub fn may_follow(before: Vote, after: Vote) -> bool {
    let is_kept = before.candidate.is_none() || before.candidate == after.candidate;
    before.term < after.term || before.term == after.term && is_kept
}

pub(super) fn terms_grow(_: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    let Some(before) = step.before.map(|before| before.vote) else { return Ok(()) };
    let (id, after) = (step.id(), step.after.vote);
    ensure(after.term >= before.term, || {
        let detail = format!("node {id} went from term {} to {}", before.term, after.term);
        Failure::new(Rule::TermsOnlyGrow, id, after.term, detail)
    })
}

pub(super) fn votes_stay(_: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    let Some(before) = step.before.map(|before| before.vote) else { return Ok(()) };
    let (id, after) = (step.id(), step.after.vote);
    ensure(before.term != after.term || may_follow(before, after), || {
        voted_twice(id, after.term, before.candidate, after.candidate)
    })
}

fn voted_twice(id: NodeId, term: Term, first: Option<NodeId>, second: Option<NodeId>) -> Failure {
    let name = |candidate: Option<NodeId>| candidate.map_or("nobody".to_owned(), |id| id.to_string());
    let detail = format!("node {id} voted for {} and for {} in term {term}", name(first), name(second));
    Failure::new(Rule::OneVotePerTerm, id, term, detail)
}

pub(super) fn stored_term_grows(_: &Facts, node: &Node, observed: &Write<'_>) -> Checked {
    term_after(node.id, node.disk.vote().term, observed.write).map(drop)
}

pub(super) fn stored_vote_stays(facts: &Facts, node: &Node, observed: &Write<'_>) -> Checked {
    new_votes_stay(facts, node.id, observed.write)
}

/// The writes that reached the disk before the crash, and of which nobody had heard.
fn unheard_writes<'a>(node: &'a Node, start: &Start<'_>) -> impl Iterator<Item = &'a Persist> {
    node.under_way.iter().take(start.writes.unwrap_or(0))
}

pub(super) fn unheard_terms_grow(_: &Facts, node: &Node, start: &Start<'_>) -> Checked {
    let id = start.core.id();
    let mut writes = unheard_writes(node, start);
    writes.try_fold(node.disk.vote().term, |before, write| term_after(id, before, write)).map(drop)
}

pub(super) fn unheard_votes_stay(facts: &Facts, node: &Node, start: &Start<'_>) -> Checked {
    unheard_writes(node, start).try_for_each(|write| new_votes_stay(facts, start.core.id(), write))
}

/// The term that a disk holds after a write.
fn term_after(id: NodeId, before: Term, write: &Persist) -> Result<Term, Failure> {
    let after = write.vote.map_or(before, |vote| vote.term);
    ensure(after >= before, || {
        let detail = format!("node {id} stored term {after} after term {before}");
        Failure::new(Rule::TermsOnlyGrow, id, after, detail)
    })?;
    Ok(after)
}

fn new_votes_stay(facts: &Facts, id: NodeId, write: &Persist) -> Checked {
    votes(write).try_for_each(|vote| {
        let earlier = facts.ballots.vote_of(id, vote.term);
        ensure(earlier.is_none() || earlier == vote.candidate, || {
            voted_twice(id, vote.term, earlier, vote.candidate)
        })
    })
}

pub(super) fn one_leader(facts: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    let (id, term) = (step.id(), step.after.term());
    match facts.leaders.get(&term) {
        Some(&other) if other != id && step.after.begins_to_lead(step.before) => {
            let detail = format!("nodes {other} and {id} both lead term {term}");
            Err(Failure::new(Rule::OneLeaderPerTerm, id, term, detail).with(other))
        }
        _ => Ok(()),
    }
}

pub(super) fn leader_has_quorum(facts: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    let (id, term) = (step.id(), step.after.term());
    if !step.after.begins_to_lead(step.before) {
        return Ok(());
    }
    match without_quorum(step.core.configuration(), |voter| facts.ballots.vote_of(voter, term) == Some(id)) {
        None => Ok(()),
        Some(votes) => {
            let detail = format!("node {id} leads term {term} with {votes} durable votes");
            Err(Failure::new(Rule::LeaderHasQuorum, id, term, detail))
        }
    }
}

/// A leader may learn of its election late, when a later term has committed more.
pub(super) fn leader_is_complete(facts: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    let (id, core, term) = (step.id(), step.core, step.after.term());
    if !step.after.begins_to_lead(step.before) {
        return Ok(());
    }
    let Some(committed) = facts.committed.last_before(term) else { return Ok(()) };
    let holds = || core.entry(committed.index).is_some_and(|entry| entry.term == committed.term);
    ensure(committed.index <= core.compacted().index || holds(), || {
        let detail = format!("node {id} leads term {term} without the committed entry {committed}");
        Failure::new(Rule::LeaderCompleteness, id, term, detail)
    })
}
