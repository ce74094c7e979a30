//! A state of the whole cluster, and how one thing that happens leads to the next.

use std::{collections::BTreeSet, sync::Arc};

use conclave::raft::{Configuration, Members, Message, NodeId, Raft};

use crate::{
    hashed::Hashed,
    history::{Committed, History},
    node::Node,
    steps::{self, Broken},
};

#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct State {
    /// The nodes 1, 2 and 3.
    pub(crate) nodes: [Hashed<Node>; 3],
    /// The messages under way, in no order. Of two that are equal one is lost.
    pub(crate) network: BTreeSet<Hashed<Message>>,
    pub(crate) history: Hashed<History>,
    pub(crate) left: Budget,
    /// An invariant that the step to this state broke: nothing follows it.
    pub(crate) broken: Option<Broken>,
}

/// What may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Hash)]
pub(crate) struct Budget {
    pub(crate) timeouts: u8,
    pub(crate) campaigns: u8,
    pub(crate) proposals: u8,
    pub(crate) crashes: u8,
    pub(crate) duplicates: u8,
    pub(crate) changes: u8,
}

impl State {
    pub(crate) fn new(founders: &[Arc<Configuration>; 3], left: Budget) -> Self {
        let node = |id| Hashed::new(Node::new(id, founders[id as usize - 1].clone()));
        Self {
            nodes: [1, 2, 3].map(node),
            network: BTreeSet::new(),
            history: Hashed::new(History::default()),
            left,
            broken: None,
        }
    }

    pub(crate) fn node(&self, id: NodeId) -> &Hashed<Node> {
        &self.nodes[id as usize - 1]
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut Hashed<Node> {
        &mut self.nodes[id as usize - 1]
    }

    /// A node's core takes an input, and what follows from it is carried out.
    pub(crate) fn step(&mut self, id: NodeId, input: impl FnOnce(&mut Raft)) {
        let before = self.node(id).clone();
        let (output, counted_by) = self.node_mut(id).change(|node| node.step(input));
        let begins_to_lead = self.remember(id, &counted_by);
        let after = self.node(id);
        let verdict = steps::judge_core(&before, after)
            .and_then(|()| match begins_to_lead {
                true => steps::judge_election(after, &self.nodes, &counted_by),
                false => Ok(()),
            })
            .and_then(|()| steps::judge_applied(&before, after, &output.applied, &self.history))
            .and_then(|()| steps::judge_messages(after, &output.messages))
            .and_then(|()| steps::judge_refused(after, &output.refused));
        self.broken = self.broken.take().or(verdict.err());
        self.network.extend(output.messages.into_iter().map(Hashed::new));
    }

    /// The oldest write of a node becomes durable, and what it promises leaves.
    pub(crate) fn write(&mut self, id: NodeId) {
        let before = self.node(id).clone();
        let Some(write) = self.node_mut(id).change(Node::write) else { return };
        let after = self.node(id);
        let verdict =
            steps::judge_disk(&before, after).and_then(|()| steps::judge_messages(after, &write.promises));
        self.broken = self.broken.take().or(verdict.err());
        self.network.extend(write.promises.into_iter().map(Hashed::new));
        self.step(id, |core| core.persisted(write.ticket));
    }

    /// All writes become durable. When nobody crashes any more, a slow disk shows no more than a slow network does.
    pub(crate) fn write_all(&mut self) {
        for id in 1..=3 {
            while self.broken.is_none() && self.node(id).disk().writes_under_way() > 0 {
                self.write(id);
            }
        }
    }

    /// A change that is refused does not count.
    pub(crate) fn change_members(&mut self, id: NodeId, wanted: &BTreeSet<NodeId>) {
        let mut is_begun = false;
        let members = Members { voters: wanted.clone(), ..Members::default() };
        self.step(id, |core| is_begun = core.change_members(members).is_ok());
        self.left.changes -= u8::from(is_begun);
    }

    /// True: the node leads a term that it did not lead before.
    fn remember(&mut self, id: NodeId, counted_by: &Arc<Configuration>) -> bool {
        let core = self.node(id).core();
        let reign = (core.term(), id);
        let begins = core.is_leader() && !self.history.leaders.contains(&reign);
        let known = self.history.committed.len() as u64;
        let news: Vec<Committed> = (known + 1..=core.commit())
            .filter_map(|index| core.entry(index))
            .map(|entry| Committed {
                entry: entry.clone(),
                term: core.term(),
                configuration: counted_by.clone(),
            })
            .collect();
        if begins || !news.is_empty() {
            self.history.change(|history| {
                history.leaders.extend(begins.then_some(reign));
                history.committed.extend(news);
            });
        }
        begins
    }
}
