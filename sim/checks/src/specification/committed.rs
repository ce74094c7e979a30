//! What is committed, whoever knows it.

use std::{collections::BTreeMap, sync::Arc};

use conclave::raft::{Configuration, Index, Position};

use super::log::Log;

/// What is committed, by any node's word that was allowed.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    pub(super) log: Log,
    configurations: BTreeMap<Index, Arc<Configuration>>,
}

impl Committed {
    /// A node knows of more.
    pub(super) fn note(
        &mut self,
        commit: Index,
        log: &Log,
        configurations: &BTreeMap<Index, Arc<Configuration>>,
    ) {
        if commit <= self.log.last().index {
            return;
        }
        let news = configurations.range(self.log.last().index + 1..=commit);
        self.configurations.extend(news.map(|(&index, configuration)| (index, configuration.clone())));
        while self.log.last().index < commit {
            let Some(term) = log.term_at(self.log.last().index + 1) else { return };
            self.log.push(term);
        }
    }

    /// The last configuration up to an index.
    pub(super) fn configuration_at(&self, index: Index) -> Option<&Arc<Configuration>> {
        self.configurations.range(..=index).next_back().map(|(_, configuration)| configuration)
    }

    /// A cluster that was restored begins with a snapshot.
    pub(super) fn begin_after(&mut self, position: Position) {
        if self.log.last().index == 0 {
            self.log = Log::after(position);
        }
    }
}
