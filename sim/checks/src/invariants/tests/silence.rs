//! Nodes that nobody reaches.

use conclave::raft::Configuration;

use super::{
    Cluster, Story, Version,
    cluster::heartbeat,
    node::{ELECTION_TICKS, node},
};

pub(super) const SILENCE_ENDS_FOLLOWING: &[Story] = &[
    Story { nodes: &[2], term: 1, history: a_follower_hears_nothing_for_long },
    Story { nodes: &[1], term: 1, history: a_leader_hears_nothing_for_long },
];

fn a_follower_hears_nothing_for_long(cluster: &Cluster, version: Version) {
    let mut core = cluster.boots(&node(2).term(1));
    core.step(heartbeat(1, 2, 1));
    cluster.steps(&mut core);
    cluster.oracle.ticked(&core, 2 * ELECTION_TICKS + version.of(1, 0), ELECTION_TICKS);
}

/// Of three, or of itself alone.
fn a_leader_hears_nothing_for_long(cluster: &Cluster, version: Version) {
    let founder = version.of(node(1), node(1).configured(Configuration::of([1])));
    let leader = cluster.elects(&founder, version.list(&[2], &[]));
    cluster.oracle.ticked(&leader, 2 * ELECTION_TICKS + 1, ELECTION_TICKS);
}
