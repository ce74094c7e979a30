//! What nodes say to each other.

use conclave::raft::{Configuration, Effects, Refusal, Refused};

use super::{
    Cluster, Story, Version,
    cluster::{append, at, heartbeat},
    node::{change, node},
};

pub(super) const LAWFUL_IS_ACCEPTED: &[Story] = &[
    Story { nodes: &[2, 1], term: 1, history: a_node_is_told_something },
    Story { nodes: &[2, 1], term: 1, history: a_node_is_told_of_a_later_term },
    Story { nodes: &[2, 1], term: 1, history: who_was_refused_joins_in_the_same_step },
];

/// It was meant for another one, or not.
fn a_node_is_told_something(cluster: &Cluster, version: Version) {
    let mut core = cluster.boots(&node(2).term(1));
    core.step(heartbeat(1, version.of(3, 2), 1));
    cluster.steps(&mut core);
}

/// By a member, or by none.
fn a_node_is_told_of_a_later_term(cluster: &Cluster, version: Version) {
    let mut core = cluster.boots(&node(2).term(1));
    core.step(heartbeat(1, 2, 1));
    cluster.steps(&mut core);
    let refused = vec![Refused { from: version.of(1, 9), term: 2, why: Refusal::Stranger }];
    cluster.oracle.stepped(&core, &Effects { refused, ..Effects::default() });
}

/// A member all along, or one from an input on that came after.
fn who_was_refused_joins_in_the_same_step(cluster: &Cluster, version: Version) {
    let mut core = cluster.boots(&node(2).term(1).log(&[1]));
    let joined = change(2, 1, Configuration::of([1, 2, 3, 9]));
    core.step(append(1, 2, at(1, 1), vec![joined], 0));
    let refused = vec![Refused { from: version.of(1, 9), term: 2, why: Refusal::Stranger }];
    let effects = core.effects();
    cluster.oracle.stepped(&core, &Effects { refused, ..effects });
}
