//! The guards on trial: each forbids a history, in the right node and term, and allows the nearest one (`crate::trial`). No other guard
//! forbids that history, though the specification goes on here after a failure: without the guard nothing in it would object.
//!
//! That says nothing of the invariants, which may object as well: `RestartRemembers` and `PromisedVoteIsKept`, for one, are about the same.
//! The specification is a second opinion, and meant to overlap with the first.
//!
//! | file | idea |
//! | --- | --- |
//! | `cluster.rs` | the specification, told what nodes do |
//! | all others | the histories of guards |

mod cluster;
mod commits;
mod elections;
mod logs;
mod members;

use conclave::raft::{NodeId, Term};

use self::cluster::Cluster;
use crate::{Rule, trial::Version};

/// A history, and what the failure names when it is broken.
struct Story {
    nodes: &'static [NodeId],
    term: Term,
    history: fn(Version) -> Cluster,
}

/// Of every guard at least one.
fn stories(guard: Rule) -> &'static [Story] {
    match guard {
        Rule::RestartRemembers => elections::RESTART_REMEMBERS,
        Rule::TermIsReached => elections::TERM_IS_REACHED,
        Rule::CampaignIsAsked => elections::CAMPAIGN_IS_ASKED,
        Rule::RequestIsTrue => elections::REQUEST_IS_TRUE,
        Rule::VoteIsDue => elections::VOTE_IS_DUE,
        Rule::LeaderIsElected => elections::LEADER_IS_ELECTED,
        Rule::LeaderAppends => logs::LEADER_APPENDS,
        Rule::FollowerAppends => logs::FOLLOWER_APPENDS,
        Rule::AppendIsOfLog => logs::APPEND_IS_OF_LOG,
        Rule::RejectionIsTrue => logs::REJECTION_IS_TRUE,
        Rule::PromiseIsTrue => logs::PROMISE_IS_TRUE,
        Rule::LeaderCommits => commits::LEADER_COMMITS,
        Rule::FollowerCommits => commits::FOLLOWER_COMMITS,
        Rule::HeartbeatIsSafe => commits::HEARTBEAT_IS_SAFE,
        Rule::HeartbeatWasSent => commits::HEARTBEAT_WAS_SENT,
        Rule::ReadIsConfirmed => commits::READ_IS_CONFIRMED,
        Rule::CompactionIsOfLog => members::COMPACTION_IS_OF_LOG,
        Rule::SnapshotIsSent => members::SNAPSHOT_IS_SENT,
        Rule::ChangeIsSettled => members::CHANGE_IS_SETTLED,
        Rule::HandOverIsReady => members::HAND_OVER_IS_READY,
        other => panic!("{other} has no history"),
    }
}

#[test]
fn each_guard_forbids_its_histories_and_nothing_less() {
    for &guard in Rule::ALL.iter().filter(|rule| rule.is_guard()) {
        assert!(!stories(guard).is_empty(), "{guard} has no history");
        for (number, story) in (1..).zip(stories(guard)) {
            let told = format!("history {number} of {guard}");
            let lawful = (story.history)(Version::Lawful).failures();
            assert_eq!(lawful, Vec::new(), "{told}: the lawful version is forbidden");
            let all = (story.history)(Version::Broken).failures();
            let broken = all.first().unwrap_or_else(|| panic!("{told} is allowed"));
            assert_eq!(broken.rule, guard, "{told} is forbidden by another guard: {broken}");
            let others: Vec<_> = all.iter().filter(|failure| failure.rule != guard).collect();
            assert!(others.is_empty(), "{told} is forbidden by other guards, too: {others:?}");
            assert_eq!((broken.nodes.as_slice(), broken.term), (story.nodes, story.term), "{told}: {broken}");
        }
    }
}
