//! Which configuration is in force, and who leaves.

use std::sync::Arc;

use conclave::raft::{Body, Compacted, Configuration, Effects, Message, Origin, Persist};

use super::{
    Cluster, Story, Version,
    cluster::{append, at},
    node::{change, entry, founders, node, nothing},
};

pub(super) const LATEST_CONFIGURATION_IN_FORCE: &[Story] = &[
    Story { nodes: &[2], term: 1, history: a_node_appends_a_configuration },
    Story { nodes: &[1], term: 1, history: a_node_compacts_its_log_up_to_a_configuration },
    Story { nodes: &[3], term: 1, history: a_node_comes_up_without_a_configuration_in_its_log },
];

/// And writes the same, or another one.
fn a_node_appends_a_configuration(cluster: &Cluster, version: Version) {
    let mut core = cluster.boots(&node(2).term(1).log(&[1]));
    core.step(append(1, 2, at(1, 1), vec![change(2, 1, Configuration::of([1, 2, 3, 4]))], 0));
    let mut effects = core.effects();
    let write = effects.persist.as_mut().expect("an entry");
    write.entries = vec![change(2, 1, Configuration::of(version.of(1..=5, 1..=4)))];
    cluster.oracle.stepped(&core, &effects);
}

/// The configuration stays, and is in force.
fn a_node_compacts_its_log_up_to_a_configuration(cluster: &Cluster, version: Version) {
    let log = |voters| vec![entry(1, 1), change(2, 1, Configuration::of(voters))];
    let found = |id| node(id).term(1).entries(log(1..=4));
    cluster.boots(&found(2));
    cluster.boots(&found(3));
    cluster.sees(&cluster.boots(&found(1).commit(1)));
    let compacted = Some(Compacted { position: at(1, 1), configuration: founders() });
    let persist = Some(Persist { compacted, ..nothing() });
    let after = node(1).term(1).entries(log(version.of(1..=5, 1..=4))).commit(1);
    let core = after.compacted(1, 1, founders()).core();
    cluster.oracle.stepped(&core, &Effects { persist, ..Effects::default() });
}

fn a_node_comes_up_without_a_configuration_in_its_log(cluster: &Cluster, version: Version) {
    cluster.commits(&[1]);
    let other = Arc::new(Configuration::of([1, 2]));
    cluster.boots(&node(3).term(1).compacted(1, 1, version.of(other, founders())));
}

pub(super) const REMOVAL_IS_COMMITTED: &[Story] =
    &[Story { nodes: &[3], term: 1, history: a_node_leaves_by_a_configuration_without_it }];

fn a_node_leaves_by_a_configuration_without_it(cluster: &Cluster, version: Version) {
    let without = Configuration { gone: [3].into(), ..Configuration::of([1, 2]) };
    let log = vec![entry(1, 1), change(2, 1, without.clone())];
    cluster.boots(&node(2).term(1).entries(log.clone()));
    cluster.sees(&cluster.boots(&node(1).term(1).entries(log).commit(version.of(1, 2))));
    let mut core = cluster.boots(&node(3).term(1).log(&[1]));
    let body = Body::Removed { configuration: Arc::new(without) };
    core.step(Message { from: 1, to: 3, origin: Origin::default(), term: 1, body });
    cluster.steps(&mut core);
}
