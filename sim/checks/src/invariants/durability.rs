//! What a disk keeps across crashes, and what a node promises of it (figure 2: stable storage is updated before a message is
//! answered).

use conclave::raft::{AppendOutcome, Body, Index, Message, NodeId, Position, Term, Vote};

use super::check::{Checked, ensure};
use crate::{
    Failure, Rule,
    facts::{Facts, Node},
    observation::{Start, Step, Write},
};

/// After a crash a disk holds what it promised to keep, and perhaps the oldest of the writes that were under way.
pub(super) fn recovered_as_promised(_: &Facts, node: &Node, start: &Start<'_>) -> Checked {
    let (id, term, found) = (start.core.id(), start.core.term(), &start.found);
    if start.writes.is_some() {
        return Ok(());
    }
    let promised = &node.disk;
    let lost_entry = promised.first_missing_in(found);
    let (rule, what) = match lost_entry {
        Some(entry) => (Rule::PromisedEntriesAreKept, format!("stored {entry} and lost it")),
        None if found.vote() == promised.vote() => {
            (Rule::NothingIsInvented, format!("comes up with {found}, never written so"))
        }
        None => (Rule::PromisedVoteIsKept, format!("stored {promised} and comes up with {found}")),
    };
    Err(Failure::new(rule, id, term, format!("node {id} {what}")))
}

/// Else a quorum that committed an entry would be none any more. What was decided in a term before that in which it was committed may come
/// late: that quorum did without this node.
pub(super) fn committed_is_kept(facts: &Facts, node: &Node, observed: &Write<'_>) -> Checked {
    let (disk, write) = (&node.disk, observed.write);
    let replaced = write.compacted.as_ref().filter(|compacted| !disk.matches(compacted.position));
    let first = write.entries.first();
    let from = match (replaced, first) {
        (Some(compacted), _) => compacted.position.index + 1,
        (None, Some(first)) => first.index,
        (None, None) => return Ok(()),
    };
    let is_written = |position: Position| {
        let offset = first.and_then(|first| position.index.checked_sub(first.index));
        offset
            .and_then(|offset| write.entries.get(offset as usize))
            .is_some_and(|it| it.term == position.term)
    };
    let (vote, _) = disk.after(write);
    let term = write.entries.last().map_or(vote.term, |last| last.term.max(vote.term));
    keeps_committed(facts, node, from, term, is_written)
}

/// Also by the writes that had reached the disk when the node died.
pub(super) fn recovered_committed_is_kept(facts: &Facts, node: &Node, start: &Start<'_>) -> Checked {
    let found = &start.found;
    let term = found.last().term.max(found.vote().term);
    keeps_committed(facts, node, node.disk.compacted().index + 1, term, |position| found.holds(position))
}

/// Of what was committed by this term, from there on.
fn keeps_committed(
    facts: &Facts,
    node: &Node,
    from: Index,
    by_term: Term,
    is_kept: impl Fn(Position) -> bool,
) -> Checked {
    let disk = &node.disk;
    let committed = |index| {
        let entry = facts.committed.at(index).filter(|entry| entry.known_in <= by_term)?;
        Some(Position { term: entry.term, index })
    };
    let indexes = from..=disk.last().index.min(facts.committed.last());
    let mut held = indexes.filter_map(committed).filter(|&position| disk.holds(position));
    match held.find(|&position| !is_kept(position)) {
        None => Ok(()),
        Some(position) => {
            let (id, term) = (node.id, disk.vote().term);
            let detail = format!("the disk of node {id} held {position}, which is committed, and drops it");
            Err(Failure::new(Rule::CommittedIsKept, id, term, detail))
        }
    }
}

pub(super) fn messages_keep_promises(_: &Facts, node: &Node, step: &Step<'_>) -> Checked {
    let disk = &node.disk;
    let end = (disk.vote(), disk.last());
    step.effects.messages.iter().try_for_each(|message| keeps_promise(step.id(), end, message))
}

pub(super) fn promises_are_kept(_: &Facts, node: &Node, observed: &Write<'_>) -> Checked {
    let end = node.disk.after(observed.write);
    observed.write.promises.iter().try_for_each(|message| keeps_promise(node.id, end, message))
}

/// A promise of a term that the sender has left durably counts for nothing any more: what it said is implied by that.
fn keeps_promise(id: NodeId, (vote, last): (Vote, Position), message: &Message) -> Checked {
    ensure(vote.term > message.term || is_promise_kept(vote, last, message), || {
        let (to, term) = (message.to, message.term);
        let detail =
            format!("node {id} sends {:?} to {to}, its disk holds {vote:?} and {last}", message.body);
        Failure::new(Rule::PromiseAfterWrite, id, term, detail).with(to)
    })
}

/// Whether a disk with this vote, whose log ends here, holds what a message promises.
pub fn is_promise_kept(vote: Vote, last: Position, message: &Message) -> bool {
    let has_voted_for = |candidate| vote == Vote { term: message.term, candidate: Some(candidate) };
    match &message.body {
        Body::VoteRequest { .. } => has_voted_for(message.from),
        Body::VoteResponse { granted: true } => has_voted_for(message.to),
        Body::AppendResponse { outcome: AppendOutcome::Accepted { matched }, .. } => last.index >= *matched,
        _ => true,
    }
}
