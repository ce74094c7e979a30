//! The rules on trial: each is broken by a history, in the right node and term, and by nothing less.
//!
//! A history is a sequence of observations that an oracle is told. It has two versions (`crate::trial`). The broken one breaks no other
//! invariant, then or later: without its rule nothing here would object. (The specification does not watch: `specification/tests`.)
//!
//! | file | idea |
//! | --- | --- |
//! | `node.rs` | what a node is found with, and the core that comes up with it |
//! | `cluster.rs` | the oracle, told what nodes do |
//! | all others | the histories of the rules in the file of the same name |

mod availability;
mod cluster;
mod commit;
mod configuration;
mod durability;
mod election;
mod log;
mod messages;
mod node;
mod reads;
mod service;
mod silence;
mod snapshot;
mod state;
mod transfer;

use std::collections::BTreeSet;

use conclave::raft::{NodeId, Term};

use self::cluster::Cluster;
use crate::{Failure, Rule, trial::Version};

/// A history, and what the failure names when it is broken.
struct Story {
    nodes: &'static [NodeId],
    term: Term,
    history: fn(&Cluster, Version),
}

/// Of every rule at least one. Where several functions hold a rule, one for each. (Guards are tried in `specification/tests`.)
fn stories(rule: Rule) -> &'static [Story] {
    match rule {
        Rule::TermsOnlyGrow => election::TERMS_ONLY_GROW,
        Rule::OneVotePerTerm => election::ONE_VOTE_PER_TERM,
        Rule::OneLeaderPerTerm => election::ONE_LEADER_PER_TERM,
        Rule::LeaderHasQuorum => election::LEADER_HAS_QUORUM,
        Rule::LeaderCompleteness => election::LEADER_COMPLETENESS,
        Rule::LogMatching => log::LOG_MATCHING,
        Rule::WritesFormTheLog => log::WRITES_FORM_THE_LOG,
        Rule::DurableIsOnDisk => log::DURABLE_IS_ON_DISK,
        Rule::CommitOnlyGrows => commit::COMMIT_ONLY_GROWS,
        Rule::CommitWithinLog => commit::COMMIT_WITHIN_LOG,
        Rule::CommitByOwnTerm => commit::COMMIT_BY_OWN_TERM,
        Rule::CommittedIsFinal => commit::COMMITTED_IS_FINAL,
        Rule::CommittedOnQuorum => commit::COMMITTED_ON_QUORUM,
        Rule::PromisedVoteIsKept => durability::PROMISED_VOTE_IS_KEPT,
        Rule::PromisedEntriesAreKept => durability::PROMISED_ENTRIES_ARE_KEPT,
        Rule::CommittedIsKept => durability::COMMITTED_IS_KEPT,
        Rule::NothingIsInvented => durability::NOTHING_IS_INVENTED,
        Rule::PromiseAfterWrite => durability::PROMISE_AFTER_WRITE,
        Rule::AppliedIsCommitted => state::APPLIED_IS_COMMITTED,
        Rule::AppliedInOrder => state::APPLIED_IN_ORDER,
        Rule::AppliedIsOnDisk => state::APPLIED_IS_ON_DISK,
        Rule::EqualStates => state::EQUAL_STATES,
        Rule::CompactedIsCommitted => snapshot::COMPACTED_IS_COMMITTED,
        Rule::CompactedIsApplied => snapshot::COMPACTED_IS_APPLIED,
        Rule::SnapshotIsCommitted => snapshot::SNAPSHOT_IS_COMMITTED,
        Rule::CancelledStreamIsOver => snapshot::CANCELLED_STREAM_IS_OVER,
        Rule::ReadIsLinearizable => reads::READ_IS_LINEARIZABLE,
        Rule::LeaseIsExclusive => reads::LEASE_IS_EXCLUSIVE,
        Rule::LatestConfigurationInForce => configuration::LATEST_CONFIGURATION_IN_FORCE,
        Rule::RemovalIsCommitted => configuration::REMOVAL_IS_COMMITTED,
        Rule::LeavingLeaderHandsOver => transfer::LEAVING_LEADER_HANDS_OVER,
        Rule::LawfulIsAccepted => messages::LAWFUL_IS_ACCEPTED,
        Rule::SilenceEndsFollowing => silence::SILENCE_ENDS_FOLLOWING,
        Rule::QuorumIsLed => availability::QUORUM_IS_LED,
        Rule::LeaderHasFollowers => availability::LEADER_HAS_FOLLOWERS,
        Rule::StalledLeaderHandsOver => availability::STALLED_LEADER_HANDS_OVER,
        Rule::UndisturbedLeaderStays => availability::UNDISTURBED_LEADER_STAYS,
        Rule::ProxyFindsLeader => service::PROXY_FINDS_LEADER,
        Rule::CallsAreAnswered => service::CALLS_ARE_ANSWERED,
        guard if guard.is_guard() => &[],
        rule => panic!("{rule} has no history"),
    }
}

/// The first failure, and every rule that broke.
fn verdict(story: &Story, version: Version) -> (Option<Failure>, BTreeSet<Rule>) {
    let cluster = Cluster::default();
    (story.history)(&cluster, version);
    (cluster.oracle.failure(), cluster.oracle.inner().broken.clone())
}

#[test]
fn each_rule_is_broken_by_its_histories_and_by_nothing_less() {
    for &rule in Rule::ALL.iter().filter(|rule| !rule.is_guard()) {
        let stories = stories(rule);
        assert!(!stories.is_empty(), "{rule} has no history");
        for (number, story) in (1..).zip(stories) {
            let told = format!("history {number} of {rule}");
            let (lawful, _) = verdict(story, Version::Lawful);
            assert_eq!(lawful, None, "{told}: the lawful version breaks something");
            let (first, all) = verdict(story, Version::Broken);
            let broken = first.unwrap_or_else(|| panic!("{told} breaks nothing"));
            assert_eq!(broken.rule, rule, "{told} breaks another rule: {broken}");
            assert_eq!(all, [rule].into(), "{told} breaks other rules, too");
            assert_eq!((broken.nodes.as_slice(), broken.term), (story.nodes, story.term), "{told}: {broken}");
        }
    }
}
