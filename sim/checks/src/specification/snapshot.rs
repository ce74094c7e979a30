//! Compaction and snapshots (section 7), and what a node comes up with (figure 2, Restart of raft.tla).

use conclave::raft::Vote;

use super::{committed::Committed, events::Started, node::Node, term::Terms, transition::Transition};
use crate::{
    Failure, Rule,
    invariants::{Checked, ensure},
};

/// A log is compacted up to a committed entry of it, or up to a snapshot that was taken.
pub(super) fn compaction_is_of_log(_: &Terms, it: &Transition<'_>) -> Checked {
    let compacted = it.step.effects.persist.as_ref().and_then(|write| write.compacted.as_ref());
    let Some(position) = compacted.map(|compacted| compacted.position) else { return Ok(()) };
    let commit = it.step.after.commit;
    let is_of_log = it.before.log.holds(position);
    let is_taken = it.before.installing.contains(&position);
    ensure(is_taken || is_of_log && position.index <= commit, || {
        let (id, term) = (it.id(), it.before.log.term_at(position.index));
        let detail = format!(
            "node {id} compacts its log up to {position}, where it holds an entry of term {term:?}; its commit index is {commit}"
        );
        Failure::new(Rule::CompactionIsOfLog, id, it.step.after.term(), detail)
    })
}

/// A snapshot is taken that a leader of a term of the node streamed to it, as far as needed; it stands for committed entries and has
/// the configuration as of the last of them.
pub(super) fn snapshot_is_sent(terms: &Terms, committed: &Committed, it: &Transition<'_>) -> Checked {
    let Some(snapshot) = &it.step.effects.install else { return Ok(()) };
    let (id, last) = (it.id(), snapshot.last);
    let mut of_node = terms.range(it.terms()).map(|(_, term)| term);
    let is_sent = of_node.any(|term| {
        term.unwatched.contains(&id) || term.streams.get(&id).is_some_and(|&needed| needed <= last.index)
    });
    let is_committed = committed.log.holds(last);
    let latest = committed.configuration_at(last.index);
    let is_configured = latest.is_none_or(|latest| *latest == snapshot.configuration);
    ensure(is_sent && is_committed && is_configured, || {
        let what = match () {
            () if !is_sent => "which no leader of its terms streamed to it".to_owned(),
            () if !is_committed => {
                format!("where an entry of term {:?} is committed", committed.log.term_at(last.index))
            }
            () => format!("with {}, where others are committed", snapshot.configuration),
        };
        let detail = format!("node {id} takes a snapshot up to {last}, {what}");
        Failure::new(Rule::SnapshotIsSent, id, it.step.after.term(), detail)
    })
}

/// Restart: the vote is one that the disk had promised to keep, or that was under way to it. (Logs: `invariants/durability.rs`.)
pub(super) fn restart_remembers(node: &Node, started: &Started) -> Checked {
    let (kept, present, found) = (node.durable.vote, node.vote, started.vote);
    let is_kept = |from: Vote, to: Vote| {
        from.term < to.term || from.term == to.term && (from.candidate.is_none() || from == to)
    };
    ensure(is_kept(kept, found) && is_kept(found, present), || {
        let detail =
            format!("node {} stored {kept:?}, went on to {present:?}, and comes up with {found:?}", node.id);
        Failure::new(Rule::RestartRemembers, node.id, found.term, detail)
    })
}
