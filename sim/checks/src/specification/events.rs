//! What the specification is told: what others see of a node, and never the core itself.

use std::{collections::BTreeMap, sync::Arc};

use conclave::raft::{Configuration, Effects, Entry, Index, Message, NodeId, Raft, Vote};

use super::log::Log;
use crate::observation::View;

/// A node came up with this.
pub(crate) struct Started {
    pub(crate) node: NodeId,
    pub(crate) vote: Vote,
    pub(crate) log: Log,
    pub(crate) commit: Index,
    /// The configurations that the log holds.
    pub(crate) configurations: BTreeMap<Index, Arc<Configuration>>,
    /// The one in force.
    pub(crate) configuration: Arc<Configuration>,
}

impl Started {
    pub(crate) fn of(core: &Raft) -> Self {
        let entries = (core.compacted().index + 1..=core.last().index).filter_map(|index| core.entry(index));
        let (mut log, mut configurations) = (Log::after(core.compacted()), BTreeMap::new());
        for entry in entries {
            log.push(entry.term);
            configurations.extend(entry.configuration().map(|found| (entry.index, found.clone())));
        }
        // What the log begins with is in force until it says otherwise.
        if configurations.is_empty() {
            configurations.insert(core.compacted().index, core.configuration().clone());
        }
        let (node, vote, commit) = (core.id(), core.vote(), core.commit());
        Self { node, vote, log, commit, configurations, configuration: core.configuration().clone() }
    }
}

/// A node took its inputs, and shows this of itself thereafter; the effects are not carried out yet.
pub(crate) struct Stepped<'a> {
    pub(crate) node: NodeId,
    pub(crate) after: View,
    pub(crate) holds_lease: bool,
    /// What its clock shows.
    pub(crate) time_us: u64,
    pub(crate) effects: &'a Effects,
}

impl<'a> Stepped<'a> {
    pub(crate) fn of(core: &Raft, effects: &'a Effects, after: View) -> Self {
        Self { node: core.id(), after, holds_lease: core.holds_lease(), time_us: core.time_us(), effects }
    }

    /// What waits for the disk.
    pub(super) fn promises(&self) -> &'a [Message] {
        self.effects.persist.as_ref().map_or(&[], |write| &write.promises)
    }

    /// What its log takes.
    pub(super) fn entries(&self) -> &'a [Entry] {
        self.effects.persist.as_ref().map_or(&[], |write| &write.entries)
    }

    /// Everything that it has to say.
    pub(super) fn messages(&self) -> impl Iterator<Item = &'a Message> {
        self.effects.messages.iter().chain(self.promises())
    }
}
