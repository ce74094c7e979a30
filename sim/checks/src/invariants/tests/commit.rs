//! What is committed, and stays so.

use super::{
    Cluster, Story, Version,
    node::{entries, founders, node},
};

pub(super) const COMMIT_ONLY_GROWS: &[Story] = &[
    Story { nodes: &[1], term: 1, history: a_commit_index_changes },
    Story { nodes: &[1], term: 1, history: a_commit_index_goes_back_by_itself_or_by_a_restart },
];

fn a_commit_index_changes(cluster: &Cluster, version: Version) {
    let log = node(1).term(1).log(&[1, 1]);
    cluster.boots(&node(2).term(1).log(&[1, 1]));
    cluster.boots(&log);
    let (before, after) = version.of((2, 1), (1, 2));
    cluster.sees(&log.clone().commit(before).core());
    cluster.sees(&log.commit(after).core());
}

/// It is not stored.
fn a_commit_index_goes_back_by_itself_or_by_a_restart(cluster: &Cluster, version: Version) {
    let log = node(1).term(1).log(&[1, 1]);
    cluster.boots(&node(2).term(1).log(&[1, 1]));
    cluster.sees(&cluster.boots(&log.clone().commit(2)));
    let before = log.commit(1);
    if !version.is_broken() {
        cluster.starts(&before);
    }
    cluster.sees(&before.core());
}

pub(super) const COMMIT_WITHIN_LOG: &[Story] =
    &[Story { nodes: &[1], term: 1, history: a_commit_index_is_at_the_end_of_the_log_or_beyond }];

fn a_commit_index_is_at_the_end_of_the_log_or_beyond(cluster: &Cluster, version: Version) {
    cluster.boots(&node(2).term(1).log(&[1, 1]));
    let core = cluster.boots(&node(1).term(1).log(&[1, 1]));
    cluster.sees_altered(&core, |view| view.commit = version.of(3, 2));
}

pub(super) const COMMIT_BY_OWN_TERM: &[Story] =
    &[Story { nodes: &[1], term: 2, history: a_leader_commits_what_it_inherited }];

/// Figure 8: by itself, or with an entry of its own.
fn a_leader_commits_what_it_inherited(cluster: &Cluster, version: Version) {
    cluster.boots(&node(2).term(1).log(&[1]));
    let leader = cluster.elects(&node(1).term(1).log(&[1]), &[2]);
    cluster.stores_entries(2, entries(2, &[2]));
    cluster.sees_altered(&leader, |view| view.commit = version.of(1, 2));
}

pub(super) const COMMITTED_IS_FINAL: &[Story] =
    &[Story { nodes: &[3], term: 2, history: a_later_term_commits_something_in_the_same_place }];

fn a_later_term_commits_something_in_the_same_place(cluster: &Cluster, version: Version) {
    cluster.commits(&[1, 1]);
    let core = cluster.boots(&node(3).term(2).log(&[1, version.of(2, 1)]).commit(2));
    cluster.sees(&core);
}

pub(super) const COMMITTED_ON_QUORUM: &[Story] = &[
    Story { nodes: &[1], term: 1, history: a_node_commits_what_it_holds_and_perhaps_another },
    Story { nodes: &[1], term: 2, history: a_node_commits_what_another_has_compacted_or_replaced },
];

/// The other one has crashed since: its disk counts.
fn a_node_commits_what_it_holds_and_perhaps_another(cluster: &Cluster, version: Version) {
    cluster.stores_entries(2, entries(1, version.list(&[], &[1])));
    let core = cluster.boots(&node(1).term(1).log(&[1]).commit(1));
    cluster.sees(&core);
}

fn a_node_commits_what_another_has_compacted_or_replaced(cluster: &Cluster, version: Version) {
    let other = version.of(node(2).log(&[2]), node(2).compacted(1, 1, founders()));
    cluster.stores(2, &other.term(2).write());
    cluster.sees(&cluster.boots(&node(1).term(2).log(&[1]).commit(1)));
}
