//! Compaction and snapshots (section 7).

use conclave::raft::{NodeId, Position, Term};

use super::check::{Checked, ensure};
use crate::{
    Failure, Rule,
    facts::{Facts, Node},
    observation::{Install, Start, Step, StreamEnd},
};

pub(super) fn recovered_log_begins_with_committed(facts: &Facts, _: &Node, start: &Start<'_>) -> Checked {
    compacted_is_committed(facts, start.core.id(), start.core.term(), start.core.compacted())
}

/// Where the log begins, if a step has moved that, or is the first one in a life.
fn new_compacted(step: &Step<'_>) -> Option<Position> {
    let compacted = step.after.compacted;
    let is_new = step.before.is_none_or(|before| before.compacted != compacted);
    is_new.then_some(compacted)
}

pub(super) fn new_compacted_is_committed(facts: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    let (id, term) = (step.id(), step.after.term());
    new_compacted(step).map_or(Ok(()), |compacted| compacted_is_committed(facts, id, term, compacted))
}

pub(super) fn new_compacted_is_applied(_: &Facts, node: &Node, step: &Step<'_>) -> Checked {
    let (id, term, applied) = (step.id(), step.after.term(), node.applied);
    let Some(compacted) = new_compacted(step) else { return Ok(()) };
    ensure(compacted.index <= applied, || {
        let detail = format!("node {id} compacts its log up to {compacted}, and has applied {applied}");
        Failure::new(Rule::CompactedIsApplied, id, term, detail)
    })
}

fn compacted_is_committed(facts: &Facts, id: NodeId, term: Term, compacted: Position) -> Checked {
    ensure(facts.committed.contains(compacted), || {
        let detail = format!("the log of node {id} begins after {compacted}, which is not committed");
        Failure::new(Rule::CompactedIsCommitted, id, term, detail)
    })
}

pub(super) fn installed_is_committed(facts: &Facts, node: &Node, install: &Install<'_>) -> Checked {
    let (id, last) = (node.id, install.snapshot.last);
    ensure(facts.committed.contains(last), || {
        let term = node.view.map_or(0, |view| view.term());
        let detail = format!("node {id} goes on from a snapshot at {last}, which is not committed");
        Failure::new(Rule::SnapshotIsCommitted, id, term, detail)
    })
}

pub(super) fn cancelled_streams_are_over(_: &Facts, node: &Node, end: &StreamEnd) -> Checked {
    let (id, stream) = (node.id, end.stream);
    ensure(!end.is_believed || !node.cancelled.contains(&stream), || {
        let detail = format!("node {id} believes the end of stream {stream}, which it cancelled");
        Failure::new(Rule::CancelledStreamIsOver, id, stream.term, detail)
    })
}
