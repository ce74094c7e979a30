//! What a disk keeps across crashes, and what is promised of it.

use conclave::raft::{Body, Compacted, Effects, Message, Origin, Persist, Snapshot, Vote};

use super::{
    Cluster, Story, Version,
    cluster::{append, at},
    node::{entries, entry, founders, node, nothing},
};

pub(super) const PROMISED_VOTE_IS_KEPT: &[Story] =
    &[Story { nodes: &[1], term: 2, history: a_node_that_voted_comes_up }];

fn a_node_that_voted_comes_up(cluster: &Cluster, version: Version) {
    cluster.stores_vote(1, 2, 3);
    cluster.starts(&node(1).vote(2, version.of(None, Some(3))));
}

pub(super) const PROMISED_ENTRIES_ARE_KEPT: &[Story] =
    &[Story { nodes: &[1], term: 1, history: a_node_that_stored_entries_comes_up }];

fn a_node_that_stored_entries_comes_up(cluster: &Cluster, version: Version) {
    cluster.boots(&node(1).term(1).log(&[1, 1]));
    cluster.starts(&node(1).term(1).log(version.list(&[1], &[1, 1])));
}

pub(super) const COMMITTED_IS_KEPT: &[Story] = &[
    Story { nodes: &[2], term: 1, history: a_disk_replaces_an_entry_that_is_committed_or_not },
    Story {
        nodes: &[2],
        term: 1,
        history: a_snapshot_cuts_off_what_is_committed_or_stands_for_what_is_there,
    },
    Story { nodes: &[1], term: 1, history: a_node_dies_when_it_has_replaced_an_entry },
    Story { nodes: &[3], term: 1, history: a_leader_of_before_is_followed_late_or_one_of_today_wrongly },
];

fn a_disk_replaces_an_entry_that_is_committed_or_not(cluster: &Cluster, version: Version) {
    cluster.commits(version.list(&[1, 1], &[1]));
    cluster.stores_entries(2, entries(2, &[1]));
    cluster.stores_entries(2, entries(2, &[2]));
}

/// The entry was committed in term 3, by others.
fn a_leader_of_before_is_followed_late_or_one_of_today_wrongly(cluster: &Cluster, version: Version) {
    cluster.boots(&node(3).term(1).log(&[1, 1]));
    cluster.commits(&[1, 1, 3]);
    let vote = Some(Vote { term: version.of(3, 2), candidate: None });
    cluster.stores(3, &Persist { vote, entries: entries(2, &[2]), ..nothing() });
}

/// What comes after it stays if the disk holds the entry with which it ends.
fn a_snapshot_cuts_off_what_is_committed_or_stands_for_what_is_there(cluster: &Cluster, version: Version) {
    cluster.commits(&[1, 1]);
    let compacted = Some(Compacted { position: at(1, version.of(2, 1)), configuration: founders() });
    cluster.stores(2, &Persist { compacted, ..nothing() });
}

/// Nobody has heard that its write was done.
fn a_node_dies_when_it_has_replaced_an_entry(cluster: &Cluster, version: Version) {
    cluster.commits(version.list(&[1, 1], &[1]));
    cluster.stores_entries(1, entries(2, &[1]));
    let mut core = cluster.starts(&node(1).term(1).log(&[1, 1]));
    core.step(append(3, 1, at(1, 1), vec![entry(2, 2)], 0));
    cluster.steps(&mut core);
    cluster.starts(&node(1).term(2).log(&[1, 2]));
}

pub(super) const NOTHING_IS_INVENTED: &[Story] = &[
    Story { nodes: &[2], term: 1, history: a_node_comes_up_with_an_entry_more },
    Story { nodes: &[2], term: 1, history: a_write_was_there_when_the_node_first_came_up },
    Story { nodes: &[3], term: 1, history: a_node_comes_up_with_a_snapshot_in_place },
];

/// Lawfully its write was under way.
fn a_node_comes_up_with_an_entry_more(cluster: &Cluster, version: Version) {
    let mut core = cluster.boots(&node(2).term(1).log(&[1]));
    if !version.is_broken() {
        core.step(append(1, 2, at(1, 1), vec![entry(2, 1)], 0));
        cluster.steps(&mut core);
    }
    cluster.starts(&node(2).term(1).log(&[1, 1]));
}

/// What a crash took does not come back.
fn a_write_was_there_when_the_node_first_came_up(cluster: &Cluster, version: Version) {
    let mut core = cluster.boots(&node(2).term(1).log(&[1]));
    core.step(append(1, 2, at(1, 1), vec![entry(2, 1)], 0));
    cluster.steps(&mut core);
    cluster.starts(&node(2).term(1).log(version.list(&[1], &[1, 1])));
    cluster.starts(&node(2).term(1).log(&[1, 1]));
}

/// Of which its log had not heard: lawful if the core had asked for it.
fn a_node_comes_up_with_a_snapshot_in_place(cluster: &Cluster, version: Version) {
    cluster.commits(&[1]);
    let core = cluster.boots(&node(3).term(1));
    let snapshot = Snapshot { last: at(1, 1), configuration: founders() };
    let install = version.of(None, Some(snapshot));
    cluster.oracle.stepped(&core, &Effects { install, ..Effects::default() });
    cluster.starts(&node(3).term(1).compacted(1, 1, founders()));
}

pub(super) const PROMISE_AFTER_WRITE: &[Story] = &[
    Story { nodes: &[2, 1], term: 1, history: an_append_is_acknowledged },
    Story { nodes: &[2, 3], term: 1, history: a_vote_is_stored_and_granted },
    Story { nodes: &[1, 2], term: 1, history: a_candidate_asks_for_a_vote_with_its_own_or_without },
];

/// With the write, or beside it.
fn an_append_is_acknowledged(cluster: &Cluster, version: Version) {
    let mut core = cluster.boots(&node(2).term(1).log(&[1]));
    core.step(append(1, 2, at(1, 1), vec![entry(2, 1)], 0));
    let mut effects = core.effects();
    if version.is_broken() {
        let write = effects.persist.as_mut().expect("an entry");
        effects.messages.append(&mut write.promises);
    }
    cluster.oracle.stepped(&core, &effects);
    cluster.stores(2, &effects.persist.expect("an entry"));
}

fn a_vote_is_stored_and_granted(cluster: &Cluster, version: Version) {
    let body = Body::VoteResponse { granted: true };
    let promises = vec![Message { from: 2, to: version.of(3, 1), origin: Origin::default(), term: 1, body }];
    let vote = Some(Vote { term: 1, candidate: Some(1) });
    cluster.stores(2, &Persist { vote, promises, ..nothing() });
}

fn a_candidate_asks_for_a_vote_with_its_own_or_without(cluster: &Cluster, version: Version) {
    let body = Body::VoteRequest { last: at(0, 0), leadership_transfer: false };
    let promises = vec![Message { from: 1, to: 2, origin: Origin::default(), term: 1, body }];
    let vote = Some(Vote { term: 1, candidate: version.of(None, Some(1)) });
    cluster.stores(1, &Persist { vote, promises, ..nothing() });
}
