//! What happens in some state: without these, bounds too tight could make a model prove nothing.

use std::{collections::BTreeSet, sync::Arc};

use conclave::raft::{Configuration, Entry, NodeId, Payload, Term};
use stateright::Property;

use crate::{bounds::Consensus, state::State};

pub(crate) fn properties(model: &Consensus) -> Vec<Property<Consensus>> {
    let mut properties = of_any_cluster();
    if model.terms > 1 {
        properties.extend(of_several_terms());
    }
    if model.budget.crashes > 0 {
        properties.extend(of_slow_disks());
    }
    if model.budget.changes > 0 {
        properties.extend(of_changes());
    }
    properties
}

fn sometimes(name: &'static str, condition: fn(&Consensus, &State) -> bool) -> Property<Consensus> {
    Property::sometimes(name, condition)
}

fn of_any_cluster() -> Vec<Property<Consensus>> {
    vec![
        sometimes("a leader is elected", |_, state| !state.history.leaders.is_empty()),
        sometimes("an entry is committed", |_, state| !state.history.committed.is_empty()),
        sometimes("all have applied an entry", |_, state| state.nodes.iter().all(|node| node.applied() > 0)),
    ]
}

fn of_several_terms() -> Vec<Property<Consensus>> {
    vec![
        sometimes("different nodes lead in different terms", |_, state| {
            let leaders: BTreeSet<NodeId> = state.history.leaders.iter().map(|&(_, leader)| leader).collect();
            leaders.len() > 1
        }),
        sometimes("two nodes lead at the same time", |_, state| {
            state.nodes.iter().filter(|node| node.core().is_leader()).count() > 1
        }),
        sometimes("all that a leader did comes to nothing", |_, state| {
            let is_gone =
                |&(term, leader): &(Term, NodeId)| state.node(leader).log().all(|entry| entry.term != term);
            state.history.leaders.iter().any(is_gone)
        }),
        sometimes("a leader commits an entry of an earlier term", |_, state| {
            state.history.committed.iter().any(|committed| committed.entry.term < committed.term)
        }),
    ]
}

fn of_slow_disks() -> Vec<Property<Consensus>> {
    vec![
        sometimes("an entry is replaced that is still on the disk", |_, state| {
            state.nodes.iter().any(|node| node.replaces_durable_entry())
        }),
        sometimes("a leader commits what its own disk does not hold yet", |_, state| {
            state
                .nodes
                .iter()
                .any(|node| node.core().is_leader() && node.core().commit() > node.core().durable())
        }),
    ]
}

fn of_changes() -> Vec<Property<Consensus>> {
    vec![
        sometimes("a joint configuration is committed", |_, state| {
            committed_configurations(state).any(|it| it.is_joint())
        }),
        sometimes("a change is finished", |model, state| {
            let is_wanted = |configuration: &Arc<Configuration>| {
                !configuration.is_changing() && configuration.voters == model.wanted
            };
            committed_configurations(state).any(is_wanted)
        }),
        sometimes("a change is undone", |model, state| {
            let mut logs = state.nodes.iter().flat_map(|node| node.log().chain(node.disk().log()));
            state.left.changes == 0 && !logs.any(|entry| is_change(model, entry))
        }),
        sometimes("another leader goes on with a change", |model, state| {
            let mut committed = state.history.committed.iter();
            committed
                .any(|committed| committed.term > committed.entry.term && is_change(model, &committed.entry))
        }),
    ]
}

fn committed_configurations(state: &State) -> impl Iterator<Item = &Arc<Configuration>> {
    state.history.committed.iter().filter_map(|committed| match &committed.entry.payload {
        Payload::Configuration(configuration) => Some(configuration),
        Payload::Noop | Payload::Command(_) => None,
    })
}

/// Any configuration but the one that the first leader enters into the log.
fn is_change(model: &Consensus, entry: &Entry) -> bool {
    matches!(&entry.payload, Payload::Configuration(configuration) if *configuration != model.founders[0])
}
