//! Compaction and snapshots.

use conclave::raft::{Compacted, Effects, Index, Persist, StreamId};

use super::{
    Cluster, Story, Version,
    cluster::at,
    node::{founders, node, nothing},
};

pub(super) const COMPACTED_IS_COMMITTED: &[Story] = &[
    Story { nodes: &[3], term: 1, history: a_node_comes_up_with_a_log_that_begins_late },
    Story { nodes: &[1], term: 1, history: a_node_compacts_what_it_holds },
];

fn a_node_comes_up_with_a_log_that_begins_late(cluster: &Cluster, version: Version) {
    cluster.commits(&[1]);
    cluster.boots(&node(3).term(1).compacted(version.of(2, 1), 1, founders()));
}

fn a_node_compacts_what_it_holds(cluster: &Cluster, version: Version) {
    cluster.boots(&node(2).term(1).log(&[1, 1]));
    cluster.boots(&node(1).term(1).log(&[1, 1]).commit(2));
    cluster.sees(&node(1).term(1).log(&[1, 1]).commit(1).core());
    compacts(cluster, version.of(2, 1));
}

pub(super) const COMPACTED_IS_APPLIED: &[Story] =
    &[Story { nodes: &[1], term: 1, history: a_node_compacts_what_is_committed }];

fn a_node_compacts_what_is_committed(cluster: &Cluster, version: Version) {
    cluster.commits(&[1, 1]);
    cluster.applies(1, 1, &[1], 7);
    compacts(cluster, version.of(2, 1));
}

/// Node 1, whose log has two entries, compacts it.
fn compacts(cluster: &Cluster, index: Index) {
    let log = node(1).term(1).log(&[1, 1]).commit(index);
    let position = at(index, 1);
    let compacted = Some(Compacted { position, configuration: founders() });
    let persist = Some(Persist { compacted, ..nothing() });
    let core = log.compacted(index, 1, founders()).core();
    cluster.oracle.stepped(&core, &Effects { persist, ..Effects::default() });
}

pub(super) const SNAPSHOT_IS_COMMITTED: &[Story] =
    &[Story { nodes: &[3], term: 1, history: a_node_goes_on_from_a_snapshot }];

fn a_node_goes_on_from_a_snapshot(cluster: &Cluster, version: Version) {
    cluster.commits(&[1]);
    cluster.sees(&cluster.boots(&node(3).term(1)));
    cluster.installs(3, at(1, version.of(2, 1)), 7);
}

pub(super) const CANCELLED_STREAM_IS_OVER: &[Story] =
    &[Story { nodes: &[1], term: 1, history: a_stream_ends_that_was_cancelled }];

fn a_stream_ends_that_was_cancelled(cluster: &Cluster, version: Version) {
    let core = cluster.boots(&node(1).term(1));
    let stream = StreamId { term: 1, number: 1 };
    cluster.oracle.stepped(&core, &Effects { cancelled: vec![stream], ..Effects::default() });
    cluster.oracle.stream_ended(1, stream, version.is_broken());
}
