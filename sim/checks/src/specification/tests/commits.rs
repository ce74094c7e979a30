//! What is committed, and read.

use conclave::raft::{Body, Effects, ReadReady, RoleName};

use super::{
    Story,
    cluster::{Cluster, Deed, at, entries},
    members::{changes, joint, settled},
};
use crate::trial::Version;

pub(super) const LEADER_COMMITS: &[Story] = &[
    Story { nodes: &[1], term: 1, history: a_leader_commits_what_another_has_acknowledged_or_nobody },
    Story { nodes: &[1], term: 1, history: a_leader_commits_what_half_have_or_more },
    Story { nodes: &[1], term: 2, history: a_leader_commits_an_entry_of_an_earlier_term },
    Story { nodes: &[1], term: 1, history: a_leader_counts_its_own_entry_before_it_is_durable },
    Story { nodes: &[1], term: 1, history: a_leader_commits_what_half_of_the_new_voters_have_or_more },
];

fn a_leader_commits_what_another_has_acknowledged_or_nobody(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    if !version.is_broken() {
        cluster.replicates();
    }
    cluster.commits(1, 1);
    cluster
}

fn a_leader_commits_what_half_have_or_more(version: Version) -> Cluster {
    let mut cluster = Cluster::led(4);
    for &follower in version.list(&[2], &[2, 3]) {
        cluster.sends(1, follower, at(0, 0), &[1]);
        cluster.takes(follower, 1, (1, &[1]), 1);
    }
    cluster.commits(1, 1);
    cluster
}

/// Figure 8: alone, or with its own.
fn a_leader_commits_an_entry_of_an_earlier_term(version: Version) -> Cluster {
    let mut cluster = Cluster::found(&[(1, &[1]), (0, &[]), (0, &[])]);
    cluster.elects(1, &[2]);
    cluster.sends(1, 2, at(0, 0), &[1, 2]);
    cluster.takes(2, 1, (1, &[1, 2]), 2);
    cluster.commits(1, version.of(1, 2));
    cluster
}

fn a_leader_counts_its_own_entry_before_it_is_durable(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    let deed = Deed { entries: entries(2, &[1]), ..Deed::default() };
    match version {
        Version::Broken => drop(cluster.begins(1, deed)),
        Version::Lawful => cluster.does(1, deed),
    }
    cluster.sends(1, 2, at(0, 0), &[1, 1]);
    cluster.takes(2, 1, (1, &[1, 1]), 2);
    cluster.commits(1, 2);
    cluster
}

/// The configuration is joint: of the three voters of before, two are enough.
fn a_leader_commits_what_half_of_the_new_voters_have_or_more(version: Version) -> Cluster {
    let mut cluster = settled();
    changes(&mut cluster, 2, joint());
    version.list(&[2], &[2, 3]).iter().for_each(|&follower| cluster.catches_up(follower));
    cluster.commits(1, 2);
    cluster
}

pub(super) const FOLLOWER_COMMITS: &[Story] = &[
    Story { nodes: &[2], term: 1, history: a_follower_commits_what_it_was_told_or_was_not },
    Story { nodes: &[3], term: 2, history: a_follower_commits_a_tail_that_is_not_the_leaders },
];

fn a_follower_commits_what_it_was_told_or_was_not(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.replicates();
    cluster.commits(1, 1);
    if !version.is_broken() {
        cluster.says(1, 2, Body::HeartbeatRequest { commit: 1, round: 2 });
    }
    cluster.commits(2, 1);
    cluster
}

/// The leader told it to commit two entries, and sent it one.
fn a_follower_commits_a_tail_that_is_not_the_leaders(version: Version) -> Cluster {
    let mut cluster = Cluster::found(&[(1, &[1]), (0, &[]), (2, &[1, 1])]);
    cluster.elects(1, &[2]);
    cluster.sends(1, 2, at(0, 0), &[1, 2]);
    cluster.takes(2, 1, (1, &[1, 2]), 2);
    cluster.commits(1, 2);
    cluster.sends(1, 3, at(0, 0), &[1]);
    cluster.commits(3, version.of(2, 1));
    cluster
}

pub(super) const HEARTBEAT_IS_SAFE: &[Story] = &[
    Story { nodes: &[1, 3], term: 1, history: a_heartbeat_commits_what_its_receiver_has_or_another },
    Story { nodes: &[1, 2], term: 1, history: a_heartbeat_commits_what_its_sender_has_or_more },
];

fn a_heartbeat_commits_what_its_receiver_has_or_another(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.replicates();
    cluster.commits(1, 1);
    cluster.says(1, version.of(3, 2), Body::HeartbeatRequest { commit: 1, round: 2 });
    cluster
}

/// The receiver has acknowledged it, and the sender has not committed it.
fn a_heartbeat_commits_what_its_sender_has_or_more(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.replicates();
    cluster.says(1, 2, Body::HeartbeatRequest { commit: version.of(1, 0), round: 2 });
    cluster
}

pub(super) const HEARTBEAT_WAS_SENT: &[Story] = &[
    Story { nodes: &[2, 1], term: 1, history: a_heartbeat_is_answered_that_was_sent_or_was_not },
    Story { nodes: &[2, 3], term: 1, history: a_heartbeat_is_answered_to_its_sender_or_to_another },
];

fn a_heartbeat_is_answered_that_was_sent_or_was_not(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    answers(&mut cluster, version.of(2, 1));
    cluster
}

fn a_heartbeat_is_answered_to_its_sender_or_to_another(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    let body = Body::HeartbeatResponse { round: 1, priority: 0, promise_us: 0 };
    cluster.says(2, version.of(3, 1), body);
    cluster
}

fn answers(cluster: &mut Cluster, round: u64) {
    cluster.says(2, 1, Body::HeartbeatResponse { round, priority: 0, promise_us: 0 });
}

pub(super) const READ_IS_CONFIRMED: &[Story] = &[
    Story { nodes: &[1], term: 1, history: a_read_is_allowed_by_a_heartbeat_after_it_or_before },
    Story { nodes: &[1], term: 1, history: a_read_is_allowed_before_an_entry_of_the_term_is_committed },
    Story { nodes: &[1], term: 1, history: a_read_is_at_the_commit_index_or_before_it },
    Story { nodes: &[2], term: 1, history: a_follower_reads_what_it_was_told_or_was_not },
    Story { nodes: &[1], term: 1, history: a_forwarded_read_is_allowed_by_a_heartbeat_after_it_or_before },
    Story { nodes: &[1], term: 1, history: a_read_is_allowed_while_a_promise_holds_or_later },
    Story {
        nodes: &[1],
        term: 1,
        history: a_read_is_allowed_by_lease_and_perhaps_another_was_asked_to_take_over,
    },
];

fn a_read_is_allowed_by_a_heartbeat_after_it_or_before(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.replicates();
    cluster.commits(1, 1);
    cluster.specification.ask_read(1, 7);
    if !version.is_broken() {
        cluster.says(1, 2, Body::HeartbeatRequest { commit: 1, round: 2 });
    }
    answers(&mut cluster, version.of(1, 2));
    reads(&mut cluster, 1, 1);
    cluster
}

fn a_read_is_allowed_before_an_entry_of_the_term_is_committed(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.replicates();
    let index = version.of(0, 1);
    cluster.commits(1, index);
    cluster.specification.ask_read(1, 7);
    cluster.says(1, 2, Body::HeartbeatRequest { commit: 0, round: 2 });
    answers(&mut cluster, 2);
    reads(&mut cluster, 1, index);
    cluster
}

fn a_read_is_at_the_commit_index_or_before_it(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.replicates();
    cluster.commits(1, 1);
    cluster.specification.ask_read(1, 7);
    cluster.says(1, 2, Body::HeartbeatRequest { commit: 1, round: 2 });
    answers(&mut cluster, 2);
    reads(&mut cluster, 1, version.of(0, 1));
    cluster
}

fn a_follower_reads_what_it_was_told_or_was_not(version: Version) -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.replicates();
    cluster.commits(1, 1);
    cluster.says(2, 1, Body::ReadIndexRequest { id: 7 });
    cluster.says(1, 2, Body::HeartbeatRequest { commit: 1, round: 2 });
    answers(&mut cluster, 2);
    cluster.says(1, 2, Body::ReadIndexResponse { id: 7, index: Some(1) });
    reads(&mut cluster, 2, version.of(0, 1));
    cluster
}

fn a_forwarded_read_is_allowed_by_a_heartbeat_after_it_or_before(version: Version) -> Cluster {
    let mut cluster = settled();
    cluster.says(2, 1, Body::ReadIndexRequest { id: 7 });
    if !version.is_broken() {
        cluster.says(1, 2, Body::HeartbeatRequest { commit: 1, round: 2 });
    }
    answers(&mut cluster, version.of(1, 2));
    cluster.says(1, 2, Body::ReadIndexResponse { id: 7, index: Some(1) });
    cluster
}

fn a_read_is_allowed_while_a_promise_holds_or_later(version: Version) -> Cluster {
    let mut cluster = leased();
    cluster.specification.ask_read(1, 7);
    cluster.time_us = version.of(900, 899);
    reads(&mut cluster, 1, 1);
    cluster
}

fn a_read_is_allowed_by_lease_and_perhaps_another_was_asked_to_take_over(version: Version) -> Cluster {
    let mut cluster = leased();
    if version.is_broken() {
        cluster.says(1, 2, Body::TimeoutNow);
    }
    cluster.specification.ask_read(1, 7);
    cluster.time_us = 899;
    reads(&mut cluster, 1, 1);
    cluster
}

/// Node 1 leads term 1, and was promised 1,100 us at time 0: when clocks may be 10 percent off, 900 are left.
fn leased() -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.specification.state_drift(10);
    cluster.holds_leases = true;
    cluster.replicates();
    cluster.commits(1, 1);
    cluster.says(1, 2, Body::HeartbeatRequest { commit: 1, round: 2 });
    cluster.says(2, 1, Body::HeartbeatResponse { round: 2, priority: 0, promise_us: 1_100 });
    cluster
}

fn reads(cluster: &mut Cluster, id: u64, index: u64) {
    let effects = Effects { reads: vec![ReadReady { id: 7, index }], ..Effects::default() };
    let view = cluster.view(id);
    assert!(id != 1 || view.role == RoleName::Leader);
    cluster.steps(id, view, &effects);
}
