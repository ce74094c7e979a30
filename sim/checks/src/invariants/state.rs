//! State machine safety (section 5.4.3): only what is committed is applied, in order, and the state that it leads to is the
//! same everywhere.

use conclave::raft::Index;

use super::check::{Checked, ensure};
use crate::{
    Failure, Rule,
    facts::{Facts, Node},
    observation::{Apply, Install, Start, Step},
};

fn failure(node: &Node, rule: Rule, detail: String) -> Failure {
    let term = node.view.map_or(0, |view| view.term());
    Failure::new(rule, node.id, term, detail)
}

/// A state machine never runs ahead of its own log.
pub(super) fn handed_out_entries_are_on_disk(_: &Facts, node: &Node, step: &Step<'_>) -> Checked {
    let Some(last) = step.effects.committed.last() else { return Ok(()) };
    let (id, position) = (step.id(), last.position());
    ensure(node.disk.holds(position), || {
        let detail = format!("node {id} is to apply {position}, which its disk lacks");
        Failure::new(Rule::AppliedIsOnDisk, id, step.after.term(), detail)
    })
}

pub(super) fn applied_is_committed(facts: &Facts, node: &Node, apply: &Apply<'_>) -> Checked {
    apply.entries.iter().try_for_each(|entry| {
        let is_committed = facts.committed.at(entry.index).is_some_and(|committed| committed.is(entry));
        ensure(is_committed, || {
            let detail = format!("node {} applies {}, not what is committed", node.id, entry.position());
            failure(node, Rule::AppliedIsCommitted, detail)
        })
    })
}

pub(super) fn applied_in_order(_: &Facts, node: &Node, apply: &Apply<'_>) -> Checked {
    let next = node.applied + 1;
    apply.entries.iter().zip(next..).try_for_each(|(entry, next)| {
        ensure(entry.index == next, || {
            let detail = format!("node {} applies {}, next was {next}", node.id, entry.index);
            failure(node, Rule::AppliedInOrder, detail)
        })
    })
}

pub(super) fn recovered_states_are_equal(facts: &Facts, node: &Node, start: &Start<'_>) -> Checked {
    start.state.map_or(Ok(()), |(index, state_hash)| states_are_equal(facts, node, index, state_hash))
}

pub(super) fn applied_states_are_equal(facts: &Facts, node: &Node, apply: &Apply<'_>) -> Checked {
    let last = apply.entries.last().map_or(0, |entry| entry.index);
    states_are_equal(facts, node, last, apply.state_hash)
}

pub(super) fn installed_states_are_equal(facts: &Facts, node: &Node, install: &Install<'_>) -> Checked {
    states_are_equal(facts, node, install.snapshot.last.index, install.state_hash)
}

fn states_are_equal(facts: &Facts, node: &Node, index: Index, state_hash: u64) -> Checked {
    let known = facts.state_at(index).unwrap_or(state_hash);
    ensure(known == state_hash, || {
        let id = node.id;
        let detail = format!("at {index} node {id} has state {state_hash:016x}, another had {known:016x}");
        failure(node, Rule::EqualStates, detail)
    })
}
