//! Ways to set the bounds.

use std::collections::BTreeSet;

use conclave::raft::{Configuration, NodeId};

use crate::{consensus::Consensus, state::Budget};

impl Consensus {
    /// Three nodes, of which these found the cluster. The others hear of it when they are let in.
    pub(crate) fn of(founders: &[NodeId]) -> Self {
        let cluster = Configuration::of(founders.iter().copied());
        let known_to = |id| if cluster.contains(id) { cluster.clone() } else { Configuration::default() };
        Self {
            founders: [1, 2, 3].map(known_to),
            wanted: BTreeSet::new(),
            terms: 1,
            messages: usize::MAX,
            heartbeats: false,
            sweeps: true,
            budget: Budget::default(),
        }
    }

    /// Sets a bound by its name.
    pub(crate) fn set(&mut self, name: &str, value: u8) {
        let budget = &mut self.budget;
        match name {
            "terms" => self.terms = value.into(),
            "messages" => self.messages = value.into(),
            "heartbeats" => self.heartbeats = value > 0,
            "sweeps" => self.sweeps = value > 0,
            "timeouts" => budget.timeouts = value,
            "campaigns" => budget.campaigns = value,
            "proposals" => budget.proposals = value,
            "crashes" => budget.crashes = value,
            "duplicates" => budget.duplicates = value,
            "changes" => budget.changes = value,
            _ => panic!("no such bound: {name}"),
        }
    }
}
