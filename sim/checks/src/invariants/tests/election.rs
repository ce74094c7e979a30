//! Terms, votes, leaders.

use conclave::raft::{Body, Configuration, Effects, Message, Origin, Persist, Vote};

use super::{
    Cluster, Story, Version,
    node::{change, entry, node, nothing},
};

pub(super) const TERMS_ONLY_GROW: &[Story] = &[
    Story { nodes: &[1], term: 1, history: a_core_changes_its_term },
    Story { nodes: &[1], term: 1, history: a_disk_changes_its_term },
    Story { nodes: &[1], term: 1, history: a_write_that_nobody_heard_of_changes_the_term },
];

fn a_core_changes_its_term(cluster: &Cluster, version: Version) {
    cluster.sees(&cluster.boots(&node(1).term(2)));
    cluster.sees(&node(1).term(version.of(1, 3)).core());
}

fn a_disk_changes_its_term(cluster: &Cluster, version: Version) {
    cluster.stores_vote(1, 2, None);
    cluster.stores_vote(1, version.of(1, 3), None);
}

/// It was under way when the node died, and had reached the disk.
fn a_write_that_nobody_heard_of_changes_the_term(cluster: &Cluster, version: Version) {
    let core = cluster.boots(&node(1).term(2));
    let term = version.of(1, 3);
    let persist = Some(Persist { vote: Some(Vote { term, candidate: None }), ..nothing() });
    cluster.oracle.stepped(&core, &Effects { persist, ..Effects::default() });
    cluster.starts(&node(1).term(term));
}

pub(super) const ONE_VOTE_PER_TERM: &[Story] = &[
    Story { nodes: &[1], term: 2, history: a_core_votes_again },
    Story { nodes: &[1], term: 2, history: a_core_forgets_its_vote },
    Story { nodes: &[1], term: 2, history: a_disk_is_given_another_vote },
    Story { nodes: &[1], term: 2, history: a_disk_is_given_no_vote },
    Story { nodes: &[1], term: 2, history: a_vote_is_promised_that_a_later_term_overtook },
    Story { nodes: &[1], term: 2, history: a_write_that_nobody_heard_of_has_another_vote },
];

fn a_core_votes_again(cluster: &Cluster, version: Version) {
    cluster.sees(&cluster.boots(&node(1).vote(2, 2)));
    cluster.sees(&node(1).vote(version.of(2, 3), 3).core());
}

/// Or goes on to a term in which it has none.
fn a_core_forgets_its_vote(cluster: &Cluster, version: Version) {
    cluster.sees(&cluster.boots(&node(1).vote(2, 2)));
    cluster.sees(&node(1).term(version.of(2, 3)).core());
}

fn a_disk_is_given_no_vote(cluster: &Cluster, version: Version) {
    cluster.stores_vote(1, 2, 2);
    cluster.stores_vote(1, version.of(2, 3), None);
}

fn a_disk_is_given_another_vote(cluster: &Cluster, version: Version) {
    cluster.stores_vote(1, 2, 2);
    cluster.stores_vote(1, version.of(2, 3), 3);
}

fn a_vote_is_promised_that_a_later_term_overtook(cluster: &Cluster, version: Version) {
    cluster.stores_vote(1, 2, 2);
    let to = version.of(3, 2);
    let promises = vec![Message {
        from: 1,
        to,
        origin: Origin::default(),
        term: 2,
        body: Body::VoteResponse { granted: true },
    }];
    let vote = Some(Vote { term: 3, candidate: None });
    cluster.stores(1, &Persist { vote, promises, ..nothing() });
}

fn a_write_that_nobody_heard_of_has_another_vote(cluster: &Cluster, version: Version) {
    let core = cluster.boots(&node(1).vote(2, 2));
    let term = version.of(2, 3);
    let persist = Some(Persist { vote: Some(Vote { term, candidate: Some(3) }), ..nothing() });
    cluster.oracle.stepped(&core, &Effects { persist, ..Effects::default() });
    cluster.starts(&node(1).vote(term, 3));
}

pub(super) const ONE_LEADER_PER_TERM: &[Story] =
    &[Story { nodes: &[3, 1], term: 2, history: two_nodes_are_elected }];

/// Each by a quorum of the configuration in its own log, which have no voter in common: in one term, or one after the other.
fn two_nodes_are_elected(cluster: &Cluster, version: Version) {
    cluster.elects(&node(1).term(1).log(&[1]), &[2]);
    let log = vec![entry(1, 1), change(2, 1, Configuration::of([3, 4, 5]))];
    cluster.elects(&node(3).term(version.of(1, 2)).entries(log), &[4]);
}

pub(super) const LEADER_HAS_QUORUM: &[Story] = &[
    Story { nodes: &[1], term: 1, history: a_leader_has_its_own_vote_and_perhaps_another },
    Story { nodes: &[1], term: 1, history: a_leader_has_half_of_the_votes_and_perhaps_one_more },
    Story { nodes: &[1], term: 1, history: a_leader_has_the_votes_of_one_half_and_perhaps_of_the_other },
];

fn a_leader_has_its_own_vote_and_perhaps_another(cluster: &Cluster, version: Version) {
    cluster.elects(&node(1), version.list(&[], &[2]));
}

fn a_leader_has_half_of_the_votes_and_perhaps_one_more(cluster: &Cluster, version: Version) {
    let founder = node(1).configured(Configuration::of([1, 2, 3, 4]));
    cluster.elects(&founder, version.list(&[2], &[2, 3]));
}

fn a_leader_has_the_votes_of_one_half_and_perhaps_of_the_other(cluster: &Cluster, version: Version) {
    let joint = Configuration { outgoing: [1, 4, 5].into(), ..Configuration::of([1, 2, 3]) };
    cluster.elects(&node(1).configured(joint), version.list(&[2], &[2, 4]));
}

pub(super) const LEADER_COMPLETENESS: &[Story] = &[
    Story { nodes: &[3], term: 2, history: a_leader_follows_one_that_committed },
    Story { nodes: &[3], term: 2, history: a_leader_learns_late_that_it_was_elected },
];

fn a_leader_follows_one_that_committed(cluster: &Cluster, version: Version) {
    cluster.commits(&[1]);
    cluster.elects(&node(3).term(1).log(version.list(&[], &[1])), &[2]);
}

/// By then a later term has committed more, of which it need not know.
fn a_leader_learns_late_that_it_was_elected(cluster: &Cluster, version: Version) {
    cluster.boots(&node(2).vote(2, 3).log(&[1]));
    cluster.sees(&cluster.boots(&node(1).term(version.of(1, 3)).log(&[1]).commit(1)));
    cluster.elects(&node(3).term(1), &[2]);
}
