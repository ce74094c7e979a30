//! A step of a node, between two states.

use std::{collections::BTreeSet, ops::RangeInclusive, sync::Arc};

use conclave::raft::{Configuration, NodeId, Position, RoleName, Term};

use super::{events::Stepped, log::Log, node::Node};

/// A step, what the node was before it, and what its log is thereafter.
pub(crate) struct Transition<'a> {
    pub(super) before: &'a Node,
    pub(super) step: &'a Stepped<'a>,
    pub(super) log: &'a Log,
    /// The configuration in force thereafter.
    pub(super) configuration: Arc<Configuration>,
    /// The terms that the node began to lead in this step.
    pub(super) begun: BTreeSet<Term>,
    /// By so many percent clocks may run faster or slower than true time.
    pub(super) drift_percent: u32,
}

impl<'a> Transition<'a> {
    pub(super) fn id(&self) -> NodeId {
        self.step.node
    }

    /// The terms that the node was in.
    pub(super) fn terms(&self) -> RangeInclusive<Term> {
        self.before.vote.term..=self.step.after.term()
    }

    /// The node led a term at some moment of the step.
    pub(super) fn leads(&self, term: Term) -> bool {
        let Node { role, vote, .. } = self.before;
        *role == RoleName::Leader && vote.term == term || self.begun.contains(&term)
    }

    /// The log did not change, so that it was the same at every moment of the step.
    pub(super) fn keeps_log(&self) -> bool {
        let write = self.step.effects.persist.as_ref();
        write.is_none_or(|write| write.entries.is_empty() && write.compacted.is_none())
    }

    /// Where the log ended at some moment of the step; `None`: it may have ended anywhere.
    pub(super) fn ends(&self) -> Option<[Position; 2]> {
        let ends = [self.before.log.last(), self.log.last()];
        (self.keeps_log() || ends[0] <= ends[1]).then_some(ends)
    }

    /// The configurations that were in force at some moment of the step.
    pub(super) fn configurations(&self) -> impl Iterator<Item = &Configuration> {
        let appended = self.step.entries().iter().filter_map(|entry| entry.configuration());
        let outer = [&self.before.configuration, &self.configuration];
        outer.into_iter().chain(appended).map(|configuration| &**configuration)
    }
}
