//! Logs, and what is said of them: ClientRequest, AppendEntries, HandleAppendEntriesRequest of raft.tla.

use conclave::raft::{AppendOutcome, Body, Entry, Index, Message, NodeId, Position, RoleName, Vote};

use super::{
    log::Log,
    node::Durable,
    term::{Leadership, Terms},
    transition::Transition,
};
use crate::{
    Failure, Rule,
    invariants::{Checked, ensure},
};

/// The log as it was when the entries of a step came to it.
fn log_before(it: &Transition<'_>) -> Log {
    let mut log = it.before.log.clone();
    let compacted = it.step.effects.persist.iter().filter_map(|write| write.compacted.as_ref());
    compacted.for_each(|compacted| log.begin_after(compacted.position));
    log
}

fn leads_on(it: &Transition<'_>) -> bool {
    let (before, after) = (it.before, it.step.after);
    let leads = |role| role == RoleName::Leader;
    leads(before.role) && leads(after.role) && before.vote.term == after.term()
}

/// ClientRequest: a leader only appends, entries of its own term.
pub(super) fn leader_appends(_: &Terms, it: &Transition<'_>) -> Checked {
    let entries = it.step.entries();
    let Some(first) = entries.first().filter(|_| leads_on(it)) else { return Ok(()) };
    let (id, term, end) = (it.id(), it.step.after.term(), log_before(it).last());
    let is_own = entries.iter().all(|entry| entry.term == term);
    ensure(is_own && first.index == end.index + 1, || {
        let (from, to) = (first.position(), it.log.last());
        let detail = format!("node {id} leads term {term} with a log to {end}, and writes {from} to {to}");
        Failure::new(Rule::LeaderAppends, id, term, detail)
    })
}

/// HandleAppendEntriesRequest: each entry was sent here by the leader of a term that the node was in, after the very entry that
/// precedes it; or is the node's own, of a term that it led. What the log held is replaced only where it conflicts.
pub(super) fn follower_appends(terms: &Terms, it: &Transition<'_>) -> Checked {
    let entries = it.step.entries();
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(()) };
    if leads_on(it) || terms.range(it.terms()).any(|(_, term)| term.unwatched.contains(&it.id())) {
        return Ok(());
    }
    let old = log_before(it);
    let id = it.id();
    let mut told = terms
        .range(it.terms())
        .rev()
        .filter_map(|(_, term)| Some((term.log_of_other(id)?, term.told.get(&id)?)));
    let is_sent = |after: Index, last: Index| {
        told.clone().any(|(log, told)| told.covers(after, last) && log.agrees(it.log, after..=last))
    };
    if !is_sent(first.index - 1, last.index) {
        let odd =
            entries.iter().find(|entry| !it.leads(entry.term) && !is_sent(entry.index - 1, entry.index));
        if let Some(entry) = odd {
            return Err(never_sent(it, entry));
        }
    }
    let replaces = first.index <= old.last().index;
    let conflicts = old.differs_at(first.index, it.log);
    // Of several leaders the later one may have undone what an earlier one did, all in one step.
    let several = told.by_ref().nth(1).is_some();
    ensure(!replaces || conflicts || several, || {
        let (end, first) = (old.last(), first.position());
        let detail =
            format!("node {id} replaces its log, which ends with {end}, from {first} on, which it holds");
        Failure::new(Rule::FollowerAppends, id, it.step.after.term(), detail)
    })
}

fn never_sent(it: &Transition<'_>, entry: &Entry) -> Failure {
    let (id, position, terms) = (it.id(), entry.position(), it.terms());
    let previous = it.log.term_at(entry.index - 1).unwrap_or(0);
    let detail = format!(
        "node {id} appends {position} after an entry of term {previous} in the terms {terms:?}, of which no leader sent it that"
    );
    Failure::new(Rule::FollowerAppends, id, it.step.after.term(), detail)
}

/// AppendEntries: what a leader sends is of its log, and so is the commit index that it tells.
pub(super) fn appends_are_of_log(terms: &Terms, it: &Transition<'_>) -> Checked {
    it.step.effects.messages.iter().try_for_each(|message| match &message.body {
        Body::AppendRequest { previous, entries, commit } => {
            let Some(Leadership { log, .. }) = terms.get(&message.term).and_then(|term| term.leadership.as_ref())
            else {
                return Ok(());
            };
            let positions = std::iter::once(*previous).chain(entries.iter().map(Entry::position));
            let is_of_log = positions.clone().all(|position| log.holds(position));
            ensure(is_of_log && *commit <= it.step.after.commit, || {
                let (id, to, end, own) = (it.id(), message.to, log.last(), it.step.after.commit);
                let last = positions.last().unwrap_or(*previous);
                let detail = format!(
                    "node {id} sends node {to} the entries after {previous} to {last} and commit {commit}, its log ends with {end}, its commit index is {own}"
                );
                Failure::new(Rule::AppendIsOfLog, id, message.term, detail).with(to)
            })
        }
        _ => Ok(()),
    })
}

/// An append is refused only if the log does not hold what it goes on from.
pub(super) fn rejections_are_true(terms: &Terms, it: &Transition<'_>) -> Checked {
    if !it.keeps_log() {
        return Ok(());
    }
    it.step.messages().try_for_each(|message| {
        let Body::AppendResponse { outcome: AppendOutcome::Rejected { previous_index, .. }, .. } = message.body
        else {
            return Ok(());
        };
        let log = terms.get(&message.term).and_then(|term| term.log_of_other(it.id()));
        let matches = log.is_some_and(|log| {
            it.log.term_at(previous_index).is_some() && it.log.term_at(previous_index) == log.term_at(previous_index)
        });
        ensure(!matches, || {
            let (id, to) = (it.id(), message.to);
            let detail = format!(
                "node {id} refuses what node {to} appends after entry {previous_index}, which is the same in both logs"
            );
            Failure::new(Rule::RejectionIsTrue, id, message.term, detail).with(to)
        })
    })
}

/// What a disk holds when a message leaves that promises it: a vote, and a log that is the leader's up to where it is acknowledged.
/// A promise of a term that the disk has left counts for nothing more than it did when it was made. So does one of a node whose
/// disk holds entries of a later term than its own: it died when a snapshot was in place and the term not yet stored. A quorum that
/// elected the later term's leader did without it.
pub(super) fn promise_is_kept(terms: &Terms, durable: &Durable, message: &Message) -> Checked {
    let (id, to, term) = (message.from, message.to, message.term);
    let Vote { term: stored, candidate } = durable.vote;
    if stored.max(durable.log.last().term) > term {
        return Ok(());
    }
    let has_voted_for = |other: NodeId| stored == term && candidate == Some(other);
    let is_kept = match message.body {
        Body::VoteRequest { .. } => has_voted_for(id),
        Body::VoteResponse { granted: true } => has_voted_for(to),
        Body::AppendResponse { outcome: AppendOutcome::Accepted { matched }, .. } => {
            stored == term && is_held(terms, durable, message, matched)
        }
        _ => true,
    };
    ensure(is_kept, || {
        let end = durable.log.last();
        let detail = format!(
            "node {id} sends {:?} to node {to}, its disk holds a log to {end} and a vote for {candidate:?} in term {stored}",
            message.body
        );
        Failure::new(Rule::PromiseIsTrue, id, term, detail).with(to)
    })
}

fn is_held(terms: &Terms, durable: &Durable, message: &Message, matched: Index) -> bool {
    let Some(term) = terms.get(&message.term) else { return false };
    if term.unwatched.contains(&message.from) {
        return true;
    }
    let own: Position = durable.log.last();
    let log = term.log_of_other(message.from);
    own.index >= matched && log.is_some_and(|log| !log.differs_at(matched, &durable.log))
}
