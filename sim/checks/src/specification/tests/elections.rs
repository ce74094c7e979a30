//! Terms, campaigns, votes, leaders, restarts.

use conclave::raft::{Body, RoleName, Vote};

use super::{
    Story,
    cluster::{Cluster, Deed, at, message},
};
use crate::trial::Version;

pub(super) const RESTART_REMEMBERS: &[Story] = &[
    Story { nodes: &[2], term: 1, history: a_voter_restarts },
    Story { nodes: &[2], term: 2, history: a_voter_restarts_in_a_term_that_it_has_entered_or_another },
];

fn a_voter_restarts(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.starts(2, Vote { term: 1, candidate: version.of(None, Some(1)) }, &[]);
    cluster
}

fn a_voter_restarts_in_a_term_that_it_has_entered_or_another(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.starts(2, Vote { term: version.of(2, 1), candidate: Some(1) }, &[]);
    cluster
}

pub(super) const TERM_IS_REACHED: &[Story] = &[
    Story { nodes: &[3], term: 1, history: a_node_enters_a_term_that_somebody_leads_or_nobody },
    Story { nodes: &[3], term: 2, history: a_node_enters_a_term_that_it_was_asked_about_or_sent },
];

fn a_node_enters_a_term_that_somebody_leads_or_nobody(version: Version) -> Cluster {
    let mut cluster = version.of(Cluster::of(3), Cluster::led(3));
    cluster.does(3, Deed { vote: Some(Vote { term: 1, candidate: None }), ..Deed::default() });
    cluster
}

/// A pre-vote speaks of a term that nobody has entered.
fn a_node_enters_a_term_that_it_was_asked_about_or_sent(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.does(3, Deed { vote: Some(Vote { term: 1, candidate: None }), ..Deed::default() });
    cluster.grants_pre_vote(3, 2);
    if !version.is_broken() {
        cluster.campaigns(2, at(0, 0));
    }
    cluster.does(3, Deed { vote: Some(Vote { term: 2, candidate: None }), ..Deed::default() });
    cluster
}

pub(super) const CAMPAIGN_IS_ASKED: &[Story] = &[
    Story { nodes: &[1], term: 1, history: a_node_campaigns_with_a_pre_vote_or_none },
    Story { nodes: &[2], term: 2, history: a_node_campaigns_whom_its_leader_asked_or_not },
];

fn a_node_campaigns_with_a_pre_vote_or_none(version: Version) -> Cluster {
    let mut cluster = Cluster::of(3);
    if !version.is_broken() {
        cluster.grants_pre_vote(2, 1);
    }
    cluster.campaigns(1, at(0, 0));
    cluster
}

fn a_node_campaigns_whom_its_leader_asked_or_not(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.replicates();
    if !version.is_broken() {
        cluster.says(1, 2, Body::TimeoutNow);
    }
    cluster.campaigns(2, at(1, 1));
    cluster
}

pub(super) const REQUEST_IS_TRUE: &[Story] = &[
    Story { nodes: &[1, 2], term: 2, history: a_candidate_says_where_its_log_ends },
    Story { nodes: &[1, 2], term: 2, history: a_node_that_asks_for_a_pre_vote_says_where_its_log_ends },
];

fn a_candidate_says_where_its_log_ends(version: Version) -> Cluster {
    let mut cluster = Cluster::found(&[(1, &[1, 1]), (0, &[]), (0, &[])]);
    cluster.grants_pre_vote(2, 1);
    cluster.campaigns(1, at(version.of(3, 2), 1));
    cluster
}

fn a_node_that_asks_for_a_pre_vote_says_where_its_log_ends(version: Version) -> Cluster {
    let mut cluster = Cluster::found(&[(1, &[1, 1]), (0, &[]), (0, &[])]);
    let ask = message(1, 2, 2, Body::PreVoteRequest { last: at(version.of(3, 2), 1) });
    cluster.does(1, Deed { messages: vec![ask], ..Deed::default() });
    cluster
}

pub(super) const VOTE_IS_DUE: &[Story] = &[
    Story { nodes: &[2, 1], term: 2, history: a_voter_has_a_longer_log_or_as_long_a_one },
    Story { nodes: &[2, 3], term: 1, history: a_voter_votes_again },
    Story { nodes: &[2, 1], term: 1, history: a_voter_forgets_its_vote },
    Story { nodes: &[2, 1], term: 1, history: a_voter_was_asked_or_not },
    Story { nodes: &[2, 1], term: 2, history: a_pre_vote_is_granted_to_a_shorter_log },
];

fn a_voter_has_a_longer_log_or_as_long_a_one(version: Version) -> Cluster {
    let log = version.list(&[1], &[1, 1]);
    let mut cluster = Cluster::found(&[(1, log), (1, &[1, 1]), (0, &[])]);
    cluster.grants_pre_vote(3, 1);
    cluster.campaigns(1, cluster.view(1).last);
    cluster.votes(2, 1);
    cluster
}

/// For another one, or for the same.
fn a_voter_votes_again(version: Version) -> Cluster {
    let mut cluster = Cluster::of(3);
    cluster.grants_pre_vote(2, 1);
    cluster.grants_pre_vote(2, 3);
    cluster.campaigns(1, at(0, 0));
    cluster.campaigns(3, at(0, 0));
    cluster.votes(2, 1);
    cluster.votes(2, version.of(3, 1));
    cluster
}

/// Or goes on to a term in which it has none.
fn a_voter_forgets_its_vote(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.grants_pre_vote(3, 1);
    cluster.campaigns(1, at(1, 1));
    cluster.does(2, Deed { vote: Some(Vote { term: version.of(1, 2), candidate: None }), ..Deed::default() });
    cluster
}

fn a_voter_was_asked_or_not(version: Version) -> Cluster {
    let mut cluster = Cluster::of(4);
    let voters = version.list(&[3, 4], &[2, 3]);
    voters.iter().for_each(|&voter| cluster.grants_pre_vote(voter, 1));
    cluster.grants_pre_vote(version.of(4, 2), 1);
    let vote = Vote { term: 1, candidate: Some(1) };
    let body = Body::VoteRequest { last: at(0, 0), leadership_transfer: false };
    let promises = voters.iter().map(|&voter| message(1, voter, 1, body.clone()));
    // Node 2 hears of the term in any case.
    let answer = message(1, 2, 1, Body::VoteResponse { granted: false });
    let promises = promises.chain([answer]).collect();
    cluster.does(1, Deed { vote: Some(vote), promises, ..Deed::default() });
    cluster.votes(2, 1);
    cluster
}

fn a_pre_vote_is_granted_to_a_shorter_log(version: Version) -> Cluster {
    let log = version.list(&[1], &[1, 1]);
    let mut cluster = Cluster::found(&[(1, log), (1, &[1, 1]), (0, &[])]);
    cluster.grants_pre_vote(2, 1);
    cluster
}

pub(super) const LEADER_IS_ELECTED: &[Story] = &[
    Story { nodes: &[1], term: 1, history: a_leader_has_a_vote_besides_its_own_or_none },
    Story { nodes: &[1], term: 1, history: a_leader_has_half_of_the_votes_or_more },
    Story { nodes: &[1], term: 2, history: a_leader_has_votes_of_its_term_or_of_another },
    Story { nodes: &[1], term: 1, history: a_leader_counts_its_own_vote_before_it_is_durable_or_then },
    Story { nodes: &[3, 1], term: 1, history: a_node_leads_as_another_does },
];

/// Node 1 campaigns.
fn a_candidate_of_three() -> Cluster {
    let mut cluster = Cluster::of(3);
    cluster.grants_pre_vote(2, 1);
    cluster.campaigns(1, at(0, 0));
    cluster
}

fn a_leader_has_a_vote_besides_its_own_or_none(version: Version) -> Cluster {
    let mut cluster = a_candidate_of_three();
    if !version.is_broken() {
        cluster.votes(2, 1);
    }
    cluster.leads(1);
    cluster
}

fn a_leader_has_half_of_the_votes_or_more(version: Version) -> Cluster {
    let mut cluster = Cluster::of(4);
    [2, 3].iter().for_each(|&voter| cluster.grants_pre_vote(voter, 1));
    cluster.campaigns(1, at(0, 0));
    version.list(&[2], &[2, 3]).iter().for_each(|&voter| cluster.votes(voter, 1));
    cluster.leads(1);
    cluster
}

fn a_leader_has_votes_of_its_term_or_of_another(version: Version) -> Cluster {
    let mut cluster = a_candidate_of_three();
    cluster.votes(2, 1);
    cluster.grants_pre_vote(2, 1);
    cluster.campaigns(1, at(0, 0));
    if !version.is_broken() {
        cluster.votes(2, 1);
    }
    cluster.leads(1);
    cluster
}

/// It is the only voter. (Where there are others its requests wait for the disk, too.)
fn a_leader_counts_its_own_vote_before_it_is_durable_or_then(version: Version) -> Cluster {
    let mut cluster = Cluster::of(1);
    let vote = Some(Vote { term: 1, candidate: Some(1) });
    let deed = Deed { vote, role: Some(RoleName::Candidate), ..Deed::default() };
    match version {
        Version::Broken => drop(cluster.begins(1, deed)),
        Version::Lawful => cluster.does(1, deed),
    }
    cluster.leads(1);
    cluster
}

fn a_node_leads_as_another_does(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    let term = version.of(1, 2);
    if version.is_broken() {
        let heartbeat = Body::HeartbeatRequest { commit: 0, round: 1 };
        let messages = vec![message(3, 2, term, heartbeat)];
        let vote = Some(Vote { term, candidate: None });
        cluster.does(3, Deed { vote, messages, ..Deed::default() });
    } else {
        cluster.does(3, Deed { vote: Some(Vote { term: 1, candidate: None }), ..Deed::default() });
        cluster.elects(3, &[2]);
    }
    cluster
}
