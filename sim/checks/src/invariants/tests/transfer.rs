//! Leadership that is handed over.

use super::{Cluster, Story, Version, node::node};

pub(super) const LEAVING_LEADER_HANDS_OVER: &[Story] =
    &[Story { nodes: &[1], term: 1, history: a_leader_is_to_stop }];

fn a_leader_is_to_stop(cluster: &Cluster, version: Version) {
    let mut leader = cluster.elects(&node(1), &[2]);
    leader.leave();
    match version {
        Version::Broken => cluster.sees(&leader),
        Version::Lawful => drop(cluster.steps(&mut leader)),
    }
}
