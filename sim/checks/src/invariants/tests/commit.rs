//! What is committed, and stays so.

use conclave::raft::{Configuration, Effects, Persist, RoleName};

use super::{
    Cluster, Story, Version,
    node::{change, entries, entry, founders, node, nothing},
};
use crate::observation::View;

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
    Story { nodes: &[1], term: 2, history: a_leader_counts_by_the_joint_configuration_or_by_what_follows_it },
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

/// Node 1 is to be left alone. In one step it commits that, and appends what follows.
fn a_leader_counts_by_the_joint_configuration_or_by_what_follows_it(cluster: &Cluster, version: Version) {
    let alone = Configuration::of([1]);
    let joint = Configuration { outgoing: [1, 2, 3].into(), ..alone.clone() };
    let mut log = vec![entry(1, 1), change(2, 1, joint)];
    cluster.elects(&node(1).term(1).entries(log.clone()), &[2]);
    log.push(entry(3, 2));
    cluster.stores_entries(2, version.of(log[..1].to_vec(), log.clone()));
    log.push(change(4, 2, alone));
    cluster.stores_entries(1, log[2..].to_vec());
    let persist = Some(Persist { entries: log[3..].to_vec(), ..nothing() });
    let core = node(1).vote(2, 1).entries(log).core();
    let view = View { role: RoleName::Leader, commit: 3, ..View::of(&core) };
    cluster.oracle.inner().step(&core, &Effects { persist, ..Effects::default() }, view);
}
