//! Snapshots, changes of members, leadership that is handed over.

use std::sync::Arc;

use conclave::raft::{
    Body, Compacted, Configuration, Effects, Entry, Payload, Persist, Position, SendSnapshot, Snapshot,
    StreamId, Vote,
};

use super::{
    Story,
    cluster::{Cluster, Deed, at},
};
use crate::trial::Version;

/// Node 1 leads term 1, and its first entry is committed.
pub(super) fn settled() -> Cluster {
    let mut cluster = Cluster::led(3);
    cluster.replicates();
    cluster.commits(1, 1);
    cluster
}

fn founders() -> Arc<Configuration> {
    Arc::new(Configuration::of([1, 2, 3]))
}

pub(super) const COMPACTION_IS_OF_LOG: &[Story] = &[
    Story { nodes: &[1], term: 1, history: a_log_is_compacted_up_to_an_entry_of_it_or_another },
    Story { nodes: &[2], term: 1, history: a_log_is_compacted_up_to_what_is_committed_or_further },
];

fn a_log_is_compacted_up_to_an_entry_of_it_or_another(version: Version) -> Cluster {
    let mut cluster = settled();
    compacts(&mut cluster, 1, at(1, version.of(2, 1)));
    cluster
}

fn a_log_is_compacted_up_to_what_is_committed_or_further(version: Version) -> Cluster {
    let mut cluster = settled();
    if !version.is_broken() {
        cluster.says(1, 2, Body::HeartbeatRequest { commit: 1, round: 2 });
        cluster.commits(2, 1);
    }
    compacts(&mut cluster, 2, at(1, 1));
    cluster
}

fn compacts(cluster: &mut Cluster, id: u64, position: Position) {
    let compacted = Some(Compacted { position, configuration: founders() });
    let persist = Persist { ticket: 1, compacted, vote: None, entries: Vec::new(), promises: Vec::new() };
    let effects = Effects { persist: Some(persist), ..Effects::default() };
    let after = cluster.view(id);
    cluster.steps(id, crate::observation::View { compacted: position, ..after }, &effects);
}

pub(super) const SNAPSHOT_IS_SENT: &[Story] = &[
    Story { nodes: &[3], term: 1, history: a_snapshot_is_taken_that_was_streamed_or_was_not },
    Story { nodes: &[3], term: 1, history: a_snapshot_is_taken_that_reaches_as_far_as_is_needed_or_not },
    Story { nodes: &[3], term: 1, history: a_snapshot_stands_for_what_is_committed_or_for_something_else },
    Story {
        nodes: &[3],
        term: 1,
        history: a_snapshot_has_the_configuration_that_is_committed_or_an_earlier_one,
    },
];

fn a_snapshot_is_taken_that_was_streamed_or_was_not(version: Version) -> Cluster {
    let mut cluster = settled();
    streams(&mut cluster, version.of(2, 3), 1);
    installs(&mut cluster, at(1, 1), founders());
    cluster
}

fn a_snapshot_is_taken_that_reaches_as_far_as_is_needed_or_not(version: Version) -> Cluster {
    let mut cluster = settled();
    streams(&mut cluster, 3, version.of(2, 1));
    installs(&mut cluster, at(1, 1), founders());
    cluster
}

/// Its term is that of the entry, or of its sender.
fn a_snapshot_stands_for_what_is_committed_or_for_something_else(version: Version) -> Cluster {
    let mut cluster = settled();
    streams(&mut cluster, 3, 1);
    installs(&mut cluster, at(1, version.of(2, 1)), founders());
    cluster
}

fn a_snapshot_has_the_configuration_that_is_committed_or_an_earlier_one(version: Version) -> Cluster {
    let mut cluster = settled();
    changes(&mut cluster, 2, staged());
    cluster.catches_up(2);
    cluster.commits(1, 2);
    streams(&mut cluster, 3, 2);
    installs(&mut cluster, at(2, 1), version.of(founders(), Arc::new(staged())));
    cluster
}

fn streams(cluster: &mut Cluster, to: u64, needed: u64) {
    let stream = StreamId { term: 1, number: 1 };
    let snapshots = vec![SendSnapshot { to, stream, needed, origin: Default::default() }];
    cluster.steps(1, cluster.view(1), &Effects { snapshots, ..Effects::default() });
}

fn installs(cluster: &mut Cluster, last: Position, configuration: Arc<Configuration>) {
    let vote = Vote { term: 1, candidate: None };
    let install = Some(Snapshot { last, configuration });
    let after = crate::observation::View { vote, ..cluster.view(3) };
    cluster.steps(3, after, &Effects { install, ..Effects::default() });
}

pub(super) const CHANGE_IS_SETTLED: &[Story] = &[
    Story { nodes: &[1], term: 1, history: members_change_before_an_entry_of_the_term_is_committed },
    Story { nodes: &[1], term: 1, history: members_change_while_another_change_is_not_committed },
    Story { nodes: &[1], term: 1, history: votes_pass_to_others_at_once_or_by_a_joint_configuration },
    Story { nodes: &[1], term: 1, history: who_left_comes_back_or_another_node_comes },
];

/// The correction of 2015.
fn members_change_before_an_entry_of_the_term_is_committed(version: Version) -> Cluster {
    let mut cluster = version.of(Cluster::led(3), settled());
    changes(&mut cluster, 2, staged());
    cluster
}

fn members_change_while_another_change_is_not_committed(version: Version) -> Cluster {
    let mut cluster = settled();
    changes(&mut cluster, 2, staged());
    if !version.is_broken() {
        cluster.sends(1, 2, at(1, 1), &[1]);
        cluster.takes(2, 1, (2, &[1]), 2);
        cluster.commits(1, 2);
    }
    changes(&mut cluster, 3, joint());
    cluster
}

fn votes_pass_to_others_at_once_or_by_a_joint_configuration(version: Version) -> Cluster {
    let mut cluster = settled();
    changes(&mut cluster, 2, version.of(Configuration::of(1..=4), joint()));
    cluster
}

fn who_left_comes_back_or_another_node_comes(version: Version) -> Cluster {
    let mut cluster = settled();
    let gone = || [4].into();
    changes(&mut cluster, 2, Configuration { gone: gone(), ..Configuration::of(1..=3) });
    cluster.sends(1, 2, at(1, 1), &[1]);
    cluster.takes(2, 1, (2, &[1]), 2);
    cluster.commits(1, 2);
    let new = [version.of(4, 5)];
    changes(
        &mut cluster,
        3,
        Configuration { learners: new.into(), gone: gone(), ..Configuration::of(1..=3) },
    );
    cluster
}

fn staged() -> Configuration {
    Configuration { learners: [4].into(), wanted: (1..=4).collect(), ..Configuration::of(1..=3) }
}

pub(super) fn joint() -> Configuration {
    Configuration { outgoing: (1..=3).collect(), ..Configuration::of(1..=4) }
}

/// Node 1 appends a configuration.
pub(super) fn changes(cluster: &mut Cluster, index: u64, configuration: Configuration) {
    let entry = Entry { term: 1, index, payload: Payload::Configuration(Arc::new(configuration)) };
    cluster.does(1, Deed { entries: vec![entry], ..Deed::default() });
}

pub(super) const HAND_OVER_IS_READY: &[Story] = &[
    Story { nodes: &[1, 3], term: 1, history: a_leader_hands_over_to_one_that_holds_its_log_or_not },
    Story { nodes: &[1, 4], term: 1, history: a_leader_hands_over_to_a_voter_or_to_a_learner },
];

fn a_leader_hands_over_to_one_that_holds_its_log_or_not(version: Version) -> Cluster {
    let mut cluster = settled();
    cluster.says(1, version.of(3, 2), Body::TimeoutNow);
    cluster
}

/// Both hold all of its log.
fn a_leader_hands_over_to_a_voter_or_to_a_learner(version: Version) -> Cluster {
    let mut cluster = settled();
    cluster.starts(4, Vote::default(), &[]);
    changes(&mut cluster, 2, staged());
    [2, 4].into_iter().for_each(|follower| cluster.catches_up(follower));
    cluster.says(1, version.of(4, 2), Body::TimeoutNow);
    cluster
}
