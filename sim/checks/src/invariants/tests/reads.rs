//! Linearizable reads.

use conclave::raft::{Effects, ReadReady};

use super::{Cluster, Story, Version, node::node};

pub(super) const READ_IS_LINEARIZABLE: &[Story] =
    &[Story { nodes: &[3], term: 1, history: a_node_reads_what_was_committed_when_it_was_asked }];

fn a_node_reads_what_was_committed_when_it_was_asked(cluster: &Cluster, version: Version) {
    let core = cluster.boots(&node(3).term(1));
    cluster.commits(&[1]);
    cluster.oracle.read_asked(3, 7);
    let reads = vec![ReadReady { id: 7, index: version.of(0, 1) }];
    cluster.oracle.stepped(&core, &Effects { reads, ..Effects::default() });
}
