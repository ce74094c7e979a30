//! What the specification knows of one node.

use std::{collections::BTreeMap, sync::Arc};

use conclave::raft::{Compacted, Configuration, Index, NodeId, Persist, Position, RoleName, Vote};

use super::{events::Started, log::Log};

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

    /// The log once a write is part of it.
    pub(super) fn log_after(&self, write: &Persist) -> Log {
        let mut log = self.log.clone();
        apply(&mut log, write);
        log
    }

    /// Called before the log is another one.
    pub(super) fn note_configurations(&mut self, write: &Persist) {
        if let Some(Compacted { position, configuration }) =
            write.compacted.as_ref().filter(|compacted| !self.log.holds(compacted.position))
        {
            self.configurations = BTreeMap::from([(position.index, configuration.clone())]);
        }
        if let Some(first) = write.entries.first() {
            self.configurations.split_off(&first.index);
        }
        let appended = write.entries.iter().filter_map(|entry| Some((entry.index, entry.configuration()?)));
        self.configurations.extend(appended.map(|(index, configuration)| (index, configuration.clone())));
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
