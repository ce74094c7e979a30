//! The mirror of facts: what is true of all nodes together, which none of them knows. It notes and never judges; the rules
//! (`invariants/`) look at it, and at what happened, before it takes note of that.

mod ballots;
mod committed;
mod node;

use std::{collections::BTreeMap, sync::Arc};

use conclave::raft::{Entry, Index, NodeId, Position, Raft, Term};

use self::{ballots::Ballots, committed::CommittedLog};
pub(crate) use self::{
    ballots::votes,
    committed::payload_hash,
    node::{Node, configuration},
};
use crate::{
    disk::Disk,
    observation::{Apply, Install, Start, Step, Write},
};

#[derive(Default)]
pub(crate) struct Facts {
    nodes: BTreeMap<NodeId, Node>,
    /// Who leads or led each term.
    pub(crate) leaders: BTreeMap<Term, NodeId>,
    pub(crate) ballots: Ballots,
    /// Every entry that any log ever held: what it carries and the term before it.
    entries: BTreeMap<(Index, Term), Content>,
    pub(crate) committed: CommittedLog,
    /// The hash of the state after each applied entry.
    states: BTreeMap<Index, u64>,
    /// Data directories that were lost, as they were then.
    lost: BTreeMap<NodeId, Disk>,
    pub(crate) elections: u64,
    pub(crate) snapshots: u64,
}

/// What log matching says of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) payload_hash: u64,
    pub(crate) previous_term: Term,
}

/// What may be asked.
impl Facts {
    pub(crate) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// Those that were met.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// The terms of the entries that any log ever held at an index.
    pub(crate) fn terms_at(&self, index: Index) -> impl Iterator<Item = Term> {
        self.entries.range((index, 0)..=(index, Term::MAX)).map(|((_, term), _)| *term)
    }

    pub(crate) fn content_at(&self, position: Position) -> Option<Content> {
        self.entries.get(&(position.index, position.term)).copied()
    }

    /// Whether a node's disk holds an entry, or the disk did that it has lost: what commits counts that too.
    pub(crate) fn has_held(&self, id: NodeId, position: Position) -> bool {
        let holds = |disk: &Disk| disk.holds(position);
        self.node(id).is_some_and(|node| holds(&node.disk)) || self.lost.get(&id).is_some_and(holds)
    }

    /// Whether the node lost all that made it a member: what it does since is nothing to the cluster.
    pub(crate) fn has_begun_anew(&self, id: NodeId) -> bool {
        self.lost.contains_key(&id) && !self.nodes.contains_key(&id)
    }

    /// The nodes whose data directories were lost.
    pub(crate) fn lost(&self) -> impl Iterator<Item = NodeId> {
        self.lost.keys().copied()
    }

    pub(crate) fn state_at(&self, index: Index) -> Option<u64> {
        self.states.get(&index).copied()
    }
}

/// What is noted.
impl Facts {
    /// A node is one of those met from now on.
    pub(crate) fn meet(&mut self, id: NodeId) -> &mut Node {
        self.nodes.entry(id).or_insert_with(|| Node { id, ..Node::default() })
    }

    /// A process of a node begins: it is none of its former life, and does nothing yet.
    pub(crate) fn note_beginning(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.is_starting = true;
        }
    }

    /// A node begins anew, and is none of those that are watched any more.
    pub(crate) fn note_lost_disk(&mut self, id: NodeId) {
        let disk = self.nodes.remove(&id).map_or(Disk::default(), |node| node.disk);
        self.lost.insert(id, disk);
    }

    /// Nobody trusts a node's disk any more, whatever it still does.
    pub(crate) fn note_damaged_disk(&mut self, id: NodeId) {
        let disk = self.meet(id).disk.clone();
        self.lost.insert(id, disk);
    }

    pub(crate) fn note_start(&mut self, start: &Start<'_>) {
        let core = start.core;
        let indexes = start.found.compacted().index + 1..=start.found.last().index;
        let entries = || indexes.clone().filter_map(|index| core.entry(index));
        entries().for_each(|entry| self.note_entry(entry, previous_term(core, entry)));
        let node = self.meet(core.id());
        let writes = std::mem::take(&mut node.under_way);
        (node.view, node.leader, node.transferring) = (None, None, None);
        node.is_starting = false;
        node.disk = start.found.clone();
        node.written = start.found.clone();
        node.installing.clear();
        node.applied = core.commit();
        node.configuration = core.configuration().clone();
        let logged =
            entries().filter_map(|entry| Some((entry.index, configuration(&entry.payload)?.clone())));
        node.logged = logged.collect();
        if node.founders.is_none() && node.logged.is_empty() && start.found.compacted().index == 0 {
            node.founders = Some(core.configuration().clone());
        }
        node.reads.clear();
        for write in writes.iter().take(start.writes.unwrap_or(0)) {
            self.ballots.note(core.id(), write);
        }
    }

    pub(crate) fn note_step(&mut self, step: &Step<'_>) {
        let (id, core, effects) = (step.id(), step.core, step.effects);
        if let Some(write) = &effects.persist {
            for entry in &write.entries {
                self.note_entry(entry, previous_term(core, entry));
            }
            self.meet(id).begin_write(write);
        }
        if step.is_visible() {
            if step.after.begins_to_lead(step.before) {
                self.elections += 1;
                self.leaders.entry(core.term()).or_insert(id);
            }
            step.committed().for_each(|entry| self.committed.note(entry, core.term()));
        }
        let node = self.meet(id);
        node.stepped_down = step.steps_down().or(node.stepped_down);
        node.view = Some(step.after);
        node.leader = core.leader();
        // A leader that was deposed has perhaps been by its successor, who has not been seen to lead.
        if core.is_leader() {
            node.transferring = core.transferring().map(|target| (target, core.term()));
            node.transfers.extend(node.transferring.map(|(_, term)| term));
        }
        if !Arc::ptr_eq(&node.configuration, core.configuration()) {
            node.configuration = core.configuration().clone();
        }
        node.installing.extend(effects.install.iter().map(|snapshot| snapshot.last));
        node.cancelled.extend(&effects.cancelled);
        for read in effects.reads.iter().map(|ready| ready.id).chain(effects.reads_failed.iter().copied()) {
            node.reads.remove(&read);
        }
    }

    pub(crate) fn note_write(&mut self, &Write { node, write }: &Write<'_>) {
        let mirrored = self.meet(node);
        mirrored.under_way.pop_front();
        mirrored.disk.write(write);
        self.ballots.note(node, write);
    }

    pub(crate) fn note_apply(&mut self, apply: &Apply<'_>) {
        let Some(last) = apply.entries.last() else { return };
        self.meet(apply.node).applied = last.index;
        self.states.entry(last.index).or_insert(apply.state_hash);
    }

    pub(crate) fn note_install(&mut self, install: &Install<'_>) {
        let index = install.snapshot.last.index;
        self.snapshots += 1;
        self.meet(install.node).applied = index;
        self.states.entry(index).or_insert(install.state_hash);
    }

    pub(crate) fn note_read(&mut self, node: NodeId, read: u64) {
        let committed = self.committed.last();
        self.meet(node).reads.insert(read, committed);
    }

    fn note_entry(&mut self, entry: &Entry, previous_term: Term) {
        let content = || Content { payload_hash: payload_hash(&entry.payload), previous_term };
        self.entries.entry((entry.index, entry.term)).or_insert_with(content);
    }
}

/// The term of the entry before another one in a core's log.
pub(crate) fn previous_term(core: &Raft, entry: &Entry) -> Term {
    core.entry(entry.index - 1).map_or(core.compacted().term, |previous| previous.term)
}
