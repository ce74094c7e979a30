//! Bounds, and how they are written.

use std::{collections::BTreeSet, sync::Arc};

use conclave::raft::{Configuration, NodeId, Term};

use crate::state::Budget;

/// A cluster, and the bounds within which everything that may happen to it is tried.
#[derive(Clone, Debug)]
pub(crate) struct Consensus {
    /// What the nodes 1, 2 and 3 take for the cluster before their logs say otherwise.
    pub(crate) founders: [Arc<Configuration>; 3],
    /// The voters that a change of membership asks for.
    pub(crate) wanted: BTreeSet<NodeId>,
    /// Nobody campaigns for a later term.
    pub(crate) terms: Term,
    /// When more messages than that are under way, some are lost, whichever.
    pub(crate) messages: usize,
    /// Else they are all lost. They matter to what a leader sends again, and carry a commit index.
    pub(crate) heartbeats: bool,
    /// Dead letters are thrown away: see `letters.rs`.
    pub(crate) sweeps: bool,
    pub(crate) budget: Budget,
}

impl Consensus {
    /// Three nodes within these bounds, such as `terms=2 campaigns=2 crashes=1`. What is not named is 0; but all three
    /// nodes found the cluster unless `founders` says otherwise, messages are limited only by `messages`, and dead
    /// letters are swept unless by `sweeps=0`.
    pub(crate) fn within(bounds: &str) -> Self {
        let mut model = Self {
            founders: founders([1, 2, 3].into()),
            wanted: BTreeSet::new(),
            terms: 0,
            messages: usize::MAX,
            heartbeats: false,
            sweeps: true,
            budget: Budget::default(),
        };
        for bound in bounds.split_whitespace() {
            let (name, value) = bound.split_once('=').unwrap_or_else(|| panic!("no value: {bound}"));
            model.set(name, value);
        }
        model
    }

    fn set(&mut self, name: &str, value: &str) {
        let budget = &mut self.budget;
        match name {
            "founders" => self.founders = founders(nodes(value)),
            "wanted" => self.wanted = nodes(value),
            "terms" => self.terms = number(value).into(),
            "messages" => self.messages = number(value).into(),
            "heartbeats" => self.heartbeats = number(value) > 0,
            "sweeps" => self.sweeps = number(value) > 0,
            "timeouts" => budget.timeouts = number(value),
            "campaigns" => budget.campaigns = number(value),
            "proposals" => budget.proposals = number(value),
            "crashes" => budget.crashes = number(value),
            "duplicates" => budget.duplicates = number(value),
            "changes" => budget.changes = number(value),
            _ => panic!("no such bound: {name}"),
        }
    }
}

fn number(value: &str) -> u8 {
    value.parse().unwrap_or_else(|_| panic!("no small number: {value}"))
}

fn nodes(value: &str) -> BTreeSet<NodeId> {
    value.split(',').map(|id| number(id).into()).collect()
}

/// Nodes that are no founders know of no cluster, until they are let in.
fn founders(ids: BTreeSet<NodeId>) -> [Arc<Configuration>; 3] {
    let cluster = Arc::new(Configuration::of(ids));
    [1, 2, 3].map(|id| if cluster.contains(id) { cluster.clone() } else { Arc::default() })
}
