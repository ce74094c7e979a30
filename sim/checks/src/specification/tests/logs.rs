//! Logs, and what is said of them.

use conclave::raft::{AppendOutcome, Body, Vote};

use super::{
    Story,
    cluster::{Cluster, Deed, accepted, at, entries, message},
};
use crate::trial::Version;

pub(super) const LEADER_APPENDS: &[Story] = &[
    Story { nodes: &[1], term: 1, history: a_leader_appends_or_replaces_an_entry },
    Story { nodes: &[1], term: 1, history: a_leader_appends_an_entry_of_its_term_or_of_a_later_one },
];

fn a_leader_appends_or_replaces_an_entry(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.does(1, Deed { entries: entries(version.of(1, 2), &[1]), ..Deed::default() });
    cluster
}

fn a_leader_appends_an_entry_of_its_term_or_of_a_later_one(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.does(1, Deed { entries: entries(2, version.list(&[2], &[1])), ..Deed::default() });
    cluster
}

pub(super) const FOLLOWER_APPENDS: &[Story] = &[
    Story { nodes: &[3], term: 1, history: a_follower_appends_what_it_was_sent_or_another_was },
    Story { nodes: &[3], term: 2, history: a_follower_replaces_what_conflicts_or_does_not },
    Story { nodes: &[3], term: 2, history: a_follower_appends_after_the_entry_that_the_leader_has_there },
];

fn a_follower_appends_what_it_was_sent_or_another_was(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.sends(1, version.of(2, 3), at(0, 0), &[1]);
    cluster.takes(3, 1, (1, &[1]), 1);
    cluster
}

/// Node 1 leads term 2 with the entries 1@1 and 2@2.
fn of_two_terms(log_of_third: &[u64]) -> Cluster {
    let mut cluster = Cluster::found(&[(1, &[1]), (0, &[]), (2, log_of_third)]);
    cluster.elects(1, &[2]);
    cluster
}

fn a_follower_replaces_what_conflicts_or_does_not(version: Version) -> Cluster {
    let mut cluster = of_two_terms(version.list(&[1, 2], &[1, 1]));
    cluster.sends(1, 3, at(0, 0), &[1, 2]);
    cluster.takes(3, 1, (2, &[2]), 2);
    cluster
}

fn a_follower_appends_after_the_entry_that_the_leader_has_there(version: Version) -> Cluster {
    let mut cluster = of_two_terms(version.list(&[2], &[1]));
    cluster.sends(1, 3, at(1, 1), &[2]);
    cluster.takes(3, 1, (2, &[2]), 2);
    cluster
}

pub(super) const APPEND_IS_OF_LOG: &[Story] = &[
    Story { nodes: &[1, 2], term: 1, history: a_leader_sends_what_it_has_and_perhaps_more },
    Story { nodes: &[1, 2], term: 1, history: a_leader_tells_its_commit_index_or_a_higher_one },
];

fn a_leader_sends_what_it_has_and_perhaps_more(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.sends(1, 2, at(0, 0), version.list(&[1, 1], &[1]));
    cluster
}

fn a_leader_tells_its_commit_index_or_a_higher_one(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    let body =
        Body::AppendRequest { previous: at(0, 0), entries: entries(1, &[1]), commit: version.of(1, 0) };
    cluster.says(1, 2, body);
    cluster
}

pub(super) const REJECTION_IS_TRUE: &[Story] =
    &[Story { nodes: &[3, 1], term: 2, history: a_follower_refuses_what_goes_on_from_what_it_holds }];

fn a_follower_refuses_what_goes_on_from_what_it_holds(version: Version) -> Cluster {
    let mut cluster = of_two_terms(version.list(&[1], &[2]));
    cluster.sends(1, 3, at(1, 1), &[2]);
    let outcome = AppendOutcome::Rejected { previous_index: 1, hint: at(0, 0) };
    cluster.says(3, 1, Body::AppendResponse { outcome, priority: 0 });
    cluster
}

pub(super) const PROMISE_IS_TRUE: &[Story] = &[
    Story { nodes: &[2, 1], term: 1, history: an_acknowledgement_waits_for_the_disk_or_not },
    Story { nodes: &[3, 1], term: 2, history: a_follower_acknowledges_its_own_tail },
    Story { nodes: &[2, 1], term: 1, history: a_vote_waits_for_the_disk_or_not },
    Story { nodes: &[1, 2], term: 1, history: a_request_for_a_vote_waits_for_the_disk_or_not },
];

fn an_acknowledgement_waits_for_the_disk_or_not(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.sends(1, 2, at(0, 0), &[1]);
    let acks = vec![message(2, 1, 1, accepted(1))];
    let (messages, promises) = version.of((acks.clone(), Vec::new()), (Vec::new(), acks));
    cluster.does(2, Deed { entries: entries(1, &[1]), messages, promises, ..Deed::default() });
    cluster
}

/// It holds an entry of term 1 where the leader has one of term 2.
fn a_follower_acknowledges_its_own_tail(version: Version) -> Cluster {
    let mut cluster = of_two_terms(&[1, 1]);
    cluster.sends(1, 3, at(0, 0), &[1]);
    cluster.takes(3, 1, (1, &[]), version.of(2, 1));
    cluster
}

fn a_vote_waits_for_the_disk_or_not(version: Version) -> Cluster {
    let mut cluster = Cluster::of(3);
    cluster.grants_pre_vote(2, 1);
    cluster.campaigns(1, at(0, 0));
    let votes = vec![message(2, 1, 1, Body::VoteResponse { granted: true })];
    let (messages, promises) = version.of((votes.clone(), Vec::new()), (Vec::new(), votes));
    let vote = Some(Vote { term: 1, candidate: Some(1) });
    cluster.does(2, Deed { vote, messages, promises, ..Deed::default() });
    cluster
}

fn a_request_for_a_vote_waits_for_the_disk_or_not(version: Version) -> Cluster {
    let mut cluster = Cluster::of(3);
    cluster.grants_pre_vote(2, 1);
    let body = Body::VoteRequest { last: at(0, 0), leadership_transfer: false };
    let requests = vec![message(1, 2, 1, body)];
    let (messages, promises) = version.of((requests.clone(), Vec::new()), (Vec::new(), requests));
    let vote = Some(Vote { term: 1, candidate: Some(1) });
    cluster.does(1, Deed { vote, messages, promises, ..Deed::default() });
    cluster
}
