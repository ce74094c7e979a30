//! What is applied.

use super::{
    Cluster, Story, Version,
    cluster::{append, at},
    node::{entry, node},
};

pub(super) const APPLIED_IS_COMMITTED: &[Story] =
    &[Story { nodes: &[1], term: 1, history: a_node_applies_what_is_committed_and_perhaps_more }];

fn a_node_applies_what_is_committed_and_perhaps_more(cluster: &Cluster, version: Version) {
    cluster.commits(&[1]);
    cluster.applies(1, 1, version.list(&[1, 1], &[1]), 7);
}

pub(super) const APPLIED_IN_ORDER: &[Story] =
    &[Story { nodes: &[1], term: 1, history: a_node_applies_and_perhaps_skips_one }];

fn a_node_applies_and_perhaps_skips_one(cluster: &Cluster, version: Version) {
    cluster.commits(&[1, 1]);
    cluster.applies(1, version.of(2, 1), &[1], 7);
}

pub(super) const APPLIED_IS_ON_DISK: &[Story] =
    &[Story { nodes: &[2], term: 1, history: a_node_is_to_apply_what_it_is_writing }];

/// A quorum of other disks holds it.
fn a_node_is_to_apply_what_it_is_writing(cluster: &Cluster, version: Version) {
    cluster.boots(&node(1).term(1).log(&[1, 1]));
    cluster.boots(&node(3).term(1).log(&[1, 1]));
    let mut core = cluster.boots(&node(2).term(1).log(&[1]));
    core.step(append(1, 2, at(1, 1), vec![entry(2, 1)], 2));
    let mut effects = core.effects();
    if version.is_broken() {
        effects.committed.push(entry(2, 1));
    }
    cluster.oracle.stepped(&core, &effects);
}

pub(super) const EQUAL_STATES: &[Story] = &[
    Story { nodes: &[1], term: 1, history: two_nodes_apply_the_same },
    Story { nodes: &[3], term: 1, history: a_snapshot_takes_the_place_of_a_state },
    Story { nodes: &[3], term: 0, history: a_state_is_recovered },
];

fn two_nodes_apply_the_same(cluster: &Cluster, version: Version) {
    cluster.commits(&[1]);
    cluster.installs(3, at(1, 1), 7);
    cluster.applies(1, 1, &[1], version.of(8, 7));
}

fn a_state_is_recovered(cluster: &Cluster, version: Version) {
    cluster.commits(&[1]);
    cluster.applies(1, 1, &[1], 7);
    let restarted = node(3).term(1);
    cluster.stores(3, &restarted.write());
    cluster.starts_with_state(&restarted, Some((1, version.of(8, 7))));
}

fn a_snapshot_takes_the_place_of_a_state(cluster: &Cluster, version: Version) {
    cluster.commits(&[1]);
    cluster.applies(1, 1, &[1], 7);
    cluster.sees(&cluster.boots(&node(3).term(1)));
    cluster.installs(3, at(1, 1), version.of(8, 7));
}
