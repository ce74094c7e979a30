//! What the specification knows of one node.

use std::{collections::BTreeMap, sync::Arc};

use conclave::raft::{Compacted, Configuration, Index, NodeId, Persist, Position, RoleName, Vote};

use super::{committed::Committed, events::Started, log::Log};

/// The variables of raft.tla, and what of them a crash leaves.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(super) id: NodeId,
    /// `currentTerm`, `votedFor`.
    pub(super) vote: Vote,
    /// `state`.
    pub(super) role: RoleName,
    pub(super) log: Log,
    /// `commitIndex`.
    pub(super) commit: Index,
    /// The configurations in its log.
    pub(super) configurations: BTreeMap<Index, Arc<Configuration>>,
    /// The one in force.
    pub(super) configuration: Arc<Configuration>,
    /// What its disk has promised to keep.
    pub(super) durable: Durable,
    /// The snapshots that it took in this life.
    pub(super) installing: Vec<Position>,
}

#[derive(Clone, Debug)]
pub(super) struct Durable {
    pub(super) vote: Vote,
    pub(super) log: Log,
}

impl Node {
    /// It comes up: what was not durable is gone.
    pub(super) fn of(started: Started) -> Self {
        let Started { node, vote, log, commit, configurations, configuration } = started;
        let durable = Durable { vote, log: log.clone() };
        let role = RoleName::Follower;
        let installing = Vec::new();
        Self { id: node, vote, role, log, commit, configurations, configuration, durable, installing }
    }

    /// What was in force where the log begins: by what is committed, or by what the node took for the cluster before.
    pub(super) fn remember_beginning(&mut self, committed: &Committed, earlier: Option<&Self>) {
        let begins = self.log.floor().index;
        let known = committed.configuration_at(begins).filter(|_| begins > 0);
        if let Some(known) = known.or_else(|| earlier?.configurations.get(&begins)) {
            self.configurations.insert(begins, known.clone());
        }
        if let Some(latest) = self.configurations.values().next_back() {
            self.configuration = latest.clone();
        }
    }

    /// The log once a write is part of it.
    pub(super) fn log_after(&self, write: &Persist) -> Log {
        let mut log = self.log.clone();
        apply(&mut log, write);
        log
    }

    /// The configurations in the log once a write is part of it; `None`: they stay. What was in force where a snapshot ends is known
    /// by what is committed, or else by what the node says.
    pub(super) fn configurations_after(
        &self,
        write: &Persist,
        committed: &Committed,
    ) -> Option<BTreeMap<Index, Arc<Configuration>>> {
        let cut = write.compacted.as_ref().filter(|compacted| !self.log.holds(compacted.position));
        let first = write.entries.first().map_or(Index::MAX, |first| first.index);
        let is_replaced = self.configurations.range(first..).next().is_some();
        let appended =
            || write.entries.iter().filter_map(|entry| Some((entry.index, entry.configuration()?)));
        if cut.is_none() && !is_replaced && appended().next().is_none() {
            return None;
        }
        let mut after = match cut {
            None => {
                self.configurations.range(..first).map(|(&index, found)| (index, found.clone())).collect()
            }
            Some(Compacted { position, configuration }) => {
                let known = committed.configuration_at(position.index).unwrap_or(configuration);
                BTreeMap::from([(position.index, known.clone())])
            }
        };
        after.extend(appended().map(|(index, configuration)| (index, configuration.clone())));
        Some(after)
    }
}

impl Durable {
    pub(super) fn write(&mut self, write: &Persist) {
        self.vote = write.vote.unwrap_or(self.vote);
        apply(&mut self.log, write);
    }
}

fn apply(log: &mut Log, write: &Persist) {
    if let Some(compacted) = &write.compacted {
        log.begin_after(compacted.position);
    }
    log.write(&write.entries);
}
