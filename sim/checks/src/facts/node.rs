//! What is known of one node, across its crashes.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use conclave::raft::{Compacted, Configuration, Index, NodeId, Payload, Persist, Position, StreamId, Term};

use crate::{disk::Disk, observation::View};

#[derive(Default)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    /// What its core last showed in its latest life.
    pub(crate) view: Option<View>,
    /// A process was begun since, whose core has not started yet: it reads its disk.
    pub(crate) is_starting: bool,
    /// Whom it takes for the leader, in this life.
    pub(crate) leader: Option<NodeId>,
    /// What its disk has promised to keep.
    pub(crate) disk: Disk,
    /// What the disk holds when all writes under way are done.
    pub(crate) written: Disk,
    /// Writes begun and not done, oldest first. A crash leaves any number of the oldest on the disk.
    pub(crate) under_way: VecDeque<Persist>,
    /// Snapshots put into the state machine's place in this life, or on their way there. A crash leaves any of them there,
    /// and the log may not have heard of it.
    pub(crate) installing: Vec<Position>,
    pub(crate) applied: Index,
    /// The configuration in force after its last step: by it the next one commits.
    pub(crate) configuration: Arc<Configuration>,
    /// What it took for the cluster when it first started.
    pub(crate) founders: Option<Arc<Configuration>>,
    /// The configurations in its log, under way to the disk or there.
    pub(crate) logged: BTreeMap<Index, Arc<Configuration>>,
    /// Streams of its own that it does not want any more.
    pub(crate) cancelled: BTreeSet<StreamId>,
    /// To whom it handed leadership over when it last led, and in which term.
    pub(crate) transferring: Option<(NodeId, Term)>,
    /// The terms in which it was handing leadership over.
    pub(crate) transfers: BTreeSet<Term>,
    /// The last term that it led and did not leave for a later one: it heard no quorum, or was removed.
    pub(crate) stepped_down: Option<Term>,
    /// Reads asked for and not answered, each with the commit index of that moment.
    pub(crate) reads: BTreeMap<u64, Index>,
}

impl Node {
    /// What its core last showed, if it is the process of today that did.
    pub(crate) fn present_view(&self) -> Option<View> {
        self.view.filter(|_| !self.is_starting)
    }

    /// How many of the writes under way must have reached the disk for this to be found there: the vote and the log, or
    /// also a snapshot in place that the log had not heard of. `None`: that cannot be.
    pub(crate) fn writes_that_lead_to(&self, found: &Disk) -> Option<usize> {
        let mut disk = self.disk.clone();
        let mut writes = self.under_way.iter();
        (0..=self.under_way.len()).find(|&done| {
            if done > 0 {
                disk.write(writes.next().expect("as many as there are"));
            }
            disk == *found || self.is_there_by_snapshot(&disk, found)
        })
    }

    fn is_there_by_snapshot(&self, disk: &Disk, found: &Disk) -> bool {
        let end = found.compacted();
        end.index > disk.compacted().index && self.installing.contains(&end) && {
            let mut compacted = disk.clone();
            compacted.compact(end);
            compacted == *found
        }
    }

    /// The latest configuration in the log once a write is part of it.
    pub(crate) fn latest_configuration<'a>(
        &'a self,
        write: Option<&'a Persist>,
    ) -> Option<&'a Arc<Configuration>> {
        let Some(write) = write else { return self.logged.values().next_back() };
        let new = write.entries.iter().rev().find_map(|entry| configuration(&entry.payload));
        let replaced_from = write.entries.first().map_or(Index::MAX, |first| first.index);
        let kept_after = match &write.compacted {
            Some(compacted) if self.written.matches(compacted.position) => compacted.position.index,
            Some(_) => Index::MAX,
            None => 0,
        };
        let kept =
            || self.logged.range(..replaced_from).next_back().filter(|&(&index, _)| index > kept_after);
        new.or_else(|| Some(kept()?.1))
    }

    /// A write is part of the log from now on.
    pub(super) fn begin_write(&mut self, write: &Persist) {
        if let Some(Compacted { position, .. }) = &write.compacted {
            let after = self.logged.split_off(&(position.index + 1));
            self.logged = if self.written.matches(*position) { after } else { BTreeMap::new() };
        }
        if let Some(first) = write.entries.first() {
            self.logged.split_off(&first.index);
        }
        for entry in &write.entries {
            self.logged.extend(configuration(&entry.payload).map(|latest| (entry.index, latest.clone())));
        }
        self.written.write(write);
        self.under_way.push_back(write.clone());
    }
}

pub(crate) fn configuration(payload: &Payload) -> Option<&Arc<Configuration>> {
    match payload {
        Payload::Configuration(configuration) => Some(configuration),
        Payload::Noop | Payload::Command(_) => None,
    }
}
