//! Log matching (section 5.3), and the log against its disk.

use conclave::raft::{Entry, Raft};

use super::check::{Checked, ensure};
use crate::{
    Failure, Rule,
    facts::{Content, Facts, Node, payload_hash, previous_term},
    observation::{Start, Step},
};

pub(super) fn recovered_entries_match(facts: &Facts, _: &Node, start: &Start<'_>) -> Checked {
    let core = start.core;
    let mut indexes = core.compacted().index + 1..=core.last().index;
    indexes.try_for_each(|index| core.entry(index).map_or(Ok(()), |entry| matches(facts, core, entry)))
}

pub(super) fn written_entries_match(facts: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    let Some(write) = &step.effects.persist else { return Ok(()) };
    write.entries.iter().try_for_each(|entry| matches(facts, step.core, entry))
}

fn matches(facts: &Facts, core: &Raft, entry: &Entry) -> Checked {
    let Some(known) = facts.content_at(entry.position()) else { return Ok(()) };
    let previous_term = previous_term(core, entry);
    let content = Content { payload_hash: payload_hash(&entry.payload), previous_term };
    ensure(content == known, || {
        let position = entry.position();
        let what = match content.payload_hash == known.payload_hash {
            true => format!("an entry of term {} before {position}", known.previous_term),
            false => format!("something else in {position}"),
        };
        let detail = format!("another log held {what} than node {}", core.id());
        Failure::new(Rule::LogMatching, core.id(), core.term(), detail)
    })
}

/// What a core believes to be its log is what it has asked its disk to hold.
pub(super) fn writes_form_the_log(_: &Facts, node: &Node, step: &Step<'_>) -> Checked {
    let (id, core) = (step.id(), step.core);
    let written = &node.written;
    let (compacted, last) = match &step.effects.persist {
        Some(write) => {
            let compacted =
                write.compacted.as_ref().map_or(written.compacted(), |compacted| compacted.position);
            (compacted, written.after(write).1)
        }
        None => (written.compacted(), written.last()),
    };
    let first = step.effects.persist.iter().find_map(|write| write.entries.first());
    let leaves_gap = first.is_some_and(|first| first.index > written.last().index.max(compacted.index) + 1);
    ensure((compacted, last) == (core.compacted(), core.last()) && !leaves_gap, || {
        let (known, after) = (core.last(), core.compacted());
        let detail = format!("node {id} wrote {last} after {compacted}, and knows of {known} after {after}");
        Failure::new(Rule::WritesFormTheLog, id, core.term(), detail)
    })
}

/// An entry that was truncated and written anew counts when its own write is done (the ABA race of asynchronous writes).
pub(super) fn durable_entries_are_on_disk(_: &Facts, node: &Node, step: &Step<'_>) -> Checked {
    let (id, core) = (step.id(), step.core);
    let Some(entry) = core.entry(core.durable()) else { return Ok(()) };
    ensure(node.disk.holds(entry.position()), || {
        let disk = &node.disk;
        let detail = format!("node {id} takes {} for durable, its disk holds {disk}", entry.position());
        Failure::new(Rule::DurableIsOnDisk, id, core.term(), detail)
    })
}
