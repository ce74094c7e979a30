//! The committed log: what no node may ever contradict.

use std::{
    collections::{BTreeMap, btree_map::Range},
    hash::{Hash, Hasher},
    sync::Arc,
};

use conclave::raft::{Configuration, Entry, Index, Payload, Position, Term};

use super::node::configuration;
use crate::hash::StableHash;

#[derive(Default)]
pub(crate) struct CommittedLog {
    /// Every committed entry, once and for ever.
    entries: BTreeMap<Index, Committed>,
    configurations: BTreeMap<Index, Arc<Configuration>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) term: Term,
    pub(crate) payload_hash: u64,
    /// The term of the node that was the first to know.
    pub(crate) known_in: Term,
}

impl Committed {
    pub(crate) fn is(&self, entry: &Entry) -> bool {
        self.term == entry.term && self.payload_hash == payload_hash(&entry.payload)
    }
}

impl CommittedLog {
    pub(crate) fn at(&self, index: Index) -> Option<&Committed> {
        self.entries.get(&index)
    }

    pub(crate) fn contains(&self, position: Position) -> bool {
        position.index == 0 || self.at(position.index).is_some_and(|it| it.term == position.term)
    }

    /// The last entry known to be committed before a term.
    pub(crate) fn last_before(&self, term: Term) -> Option<Position> {
        let mut latest_first = self.entries.iter().rev();
        let (&index, committed) = latest_first.find(|(_, committed)| committed.known_in < term)?;
        Some(Position { term: committed.term, index })
    }

    pub(crate) fn last(&self) -> Index {
        self.entries.last_key_value().map_or(0, |(&index, _)| index)
    }

    /// The committed configurations up to an index, oldest first.
    pub(crate) fn configurations_until(&self, index: Index) -> Range<'_, Index, Arc<Configuration>> {
        self.configurations.range(..=index)
    }

    /// The latest committed configuration, if there is one.
    pub(crate) fn latest_configuration(&self) -> Option<&Arc<Configuration>> {
        self.configurations.values().next_back()
    }

    pub(super) fn note(&mut self, entry: &Entry, known_in: Term) {
        if self.entries.contains_key(&entry.index) {
            return;
        }
        let payload_hash = payload_hash(&entry.payload);
        self.entries.insert(entry.index, Committed { term: entry.term, payload_hash, known_in });
        let configuration = configuration(&entry.payload).cloned();
        self.configurations.extend(configuration.map(|configuration| (entry.index, configuration)));
    }
}

pub(crate) fn payload_hash(payload: &Payload) -> u64 {
    let mut hash = StableHash::default();
    payload.hash(&mut hash);
    hash.finish()
}
