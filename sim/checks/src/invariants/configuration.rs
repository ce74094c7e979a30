//! Which configuration is in force, and who leaves (section 6).

use std::sync::Arc;

use conclave::raft::{Configuration, Raft};

use super::check::{Checked, ensure};
use crate::{
    Failure, Rule,
    facts::{Facts, Node, configuration},
    observation::{Start, Step},
};

pub(super) fn recovered_configuration(facts: &Facts, node: &Node, start: &Start<'_>) -> Checked {
    let core = start.core;
    let mut latest_first = (core.compacted().index + 1..=core.last().index).rev();
    let logged = latest_first.find_map(|index| configuration(&core.entry(index)?.payload));
    is_in_force(facts, node, core, logged)
}

/// Committed or not.
pub(super) fn latest_configuration_in_force(facts: &Facts, node: &Node, step: &Step<'_>) -> Checked {
    let write = step.effects.persist.as_ref();
    if write.is_none() && !step.is_visible() {
        return Ok(());
    }
    is_in_force(facts, node, step.core, node.latest_configuration(write))
}

/// If the log holds no configuration, the last one before its beginning is in force: a committed one, or the founders.
fn is_in_force(facts: &Facts, node: &Node, core: &Raft, logged: Option<&Arc<Configuration>>) -> Checked {
    let (id, in_force) = (core.id(), core.configuration());
    let committed =
        || facts.committed.configurations_until(core.compacted().index).next_back().map(|(_, last)| last);
    let founders = || node.founders.as_ref();
    let Some(expected) = logged.or_else(committed).or_else(founders) else { return Ok(()) };
    ensure(in_force == expected, || {
        let detail = format!("node {id} has {in_force} in force, its log says {expected}");
        Failure::new(Rule::LatestConfigurationInForce, id, core.term(), detail)
    })
}

/// Without the node that leaves there might be no quorum for the change that removes it.
pub(super) fn removal_is_committed(facts: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    let (id, core) = (step.id(), step.core);
    if core.removed_by().is_none() {
        return Ok(());
    }
    let news = step.committed().filter_map(|entry| configuration(&entry.payload));
    let is_removed =
        facts.committed.latest_configuration().into_iter().chain(news).any(|it| it.gone.contains(&id));
    ensure(is_removed, || {
        let detail = format!("node {id} leaves, and is a member");
        Failure::new(Rule::RemovalIsCommitted, id, core.term(), detail)
    })
}
