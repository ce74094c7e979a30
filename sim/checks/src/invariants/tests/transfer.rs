//! Leadership that is handed over.

use conclave::raft::Configuration;

use super::{Cluster, Story, Version, node::node};

pub(super) const LEAVING_LEADER_HANDS_OVER: &[Story] = &[
    Story { nodes: &[1], term: 1, history: a_leader_is_to_stop },
    Story { nodes: &[1], term: 1, history: a_leader_is_to_stop_that_has_a_successor_or_none },
];

fn a_leader_is_to_stop(cluster: &Cluster, version: Version) {
    let mut leader = cluster.elects(&node(1), &[2]);
    leader.leave();
    match version {
        Version::Broken => cluster.sees(&leader),
        Version::Lawful => drop(cluster.steps(&mut leader)),
    }
}

fn a_leader_is_to_stop_that_has_a_successor_or_none(cluster: &Cluster, version: Version) {
    let founder = node(1).configured(Configuration::of(version.list(&[1, 2], &[1]).iter().copied()));
    let mut leader = cluster.elects(&founder, version.list(&[2], &[]));
    leader.leave();
    cluster.sees(&leader);
}
