//! The rules that must always hold, each with what it says and where it comes from. `invariants/` holds them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Name, statement, source: a row a rule.
macro_rules! rules {
    ($($rule:ident, $statement:literal, $source:literal;)*) => {
        /// A rule that must always hold. Each is one way to be wrong: two failures are the same when their rules are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Rule {
            $(#[doc = $statement] $rule,)*
        }

        impl Rule {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$rule,)*];

            /// What the rule says.
            pub fn statement(self) -> &'static str {
                match self { $(Self::$rule => $statement,)* }
            }

            /// Where the rule comes from: the Raft paper (§), Ongaro's thesis, or Conclave's own architecture.
            pub fn source(self) -> &'static str {
                match self { $(Self::$rule => $source,)* }
            }
        }
    };
}

rules! {
    // invariants/election.rs
    TermsOnlyGrow, "a node's term never goes back, in memory or on disk", "§5.1";
    OneVotePerTerm, "a node votes for one candidate a term, across crashes", "§5.2";
    OneLeaderPerTerm, "a term has one leader at most", "§5.2";
    LeaderHasQuorum, "a leader has the durable votes of a quorum in its very term", "§5.2";
    LeaderCompleteness, "a leader holds every entry that was committed in an earlier term", "§5.4";
    // invariants/log.rs
    LogMatching, "entries of one index and term are the same, and so is what precedes them", "§5.3";
    WritesFormTheLog, "what a core has written, or is writing, is the log as it knows it", "architecture";
    DurableIsOnDisk, "the entries that a core takes for durable are on its disk", "architecture";
    // invariants/commit.rs
    CommitOnlyGrows, "a commit index never goes back", "§5.3";
    CommitWithinLog, "only what the log holds is committed", "§5.3";
    CommitByOwnTerm, "a leader commits by counting only entries of its own term", "§5.4.2, figure 8";
    CommittedIsFinal, "a committed entry never changes", "§5.4.3";
    CommittedOnQuorum, "a committed entry is on the disks of a quorum", "§5.3";
    // invariants/durability.rs
    PromisedVoteIsKept, "a restarted node remembers the term and the vote that it stored", "figure 2";
    PromisedEntriesAreKept, "a restarted node holds the entries that it stored", "figure 2";
    NothingIsInvented, "a restarted node holds nothing that it never stored", "architecture";
    PromiseAfterWrite, "a message leaves when what it promises is durable", "figure 2";
    // invariants/state.rs
    AppliedIsCommitted, "only committed entries are applied", "§5.4.3";
    AppliedInOrder, "entries are applied in order, each once", "§5.4.3";
    AppliedIsOnDisk, "an entry is applied when it is durable in the node's own log", "architecture";
    EqualStates, "at an equal applied index states are equal, sessions and cached replies included", "§5.4.3";
    // invariants/snapshot.rs
    CompactedIsCommitted, "a log is compacted up to a committed entry", "§7";
    CompactedIsApplied, "a log is compacted no further than the state machine has applied", "§7";
    SnapshotIsCommitted, "a snapshot stands for committed entries", "§7";
    CancelledStreamIsOver, "the end of a snapshot stream that was cancelled changes nothing", "architecture";
    // invariants/reads.rs
    ReadIsLinearizable, "a read sees what was committed when it was asked for", "thesis §6.4";
    // invariants/configuration.rs
    LatestConfigurationInForce, "the latest configuration in the log is in force, committed or not", "§6";
    RemovalIsCommitted, "a node leaves when its removal is committed", "thesis §4.2.2";
    // invariants/transfer.rs
    LeavingLeaderHandsOver, "a leader that is to stop hands over while there is another voter", "thesis §3.10";
    // invariants/messages.rs
    LawfulIsAccepted, "a core refuses only what no node that follows the protocol could say", "architecture";
    // invariants/silence.rs
    SilenceEndsFollowing, "a node that hears nobody follows nobody, and leads only if it is a quorum", "thesis §6.2";
    // availability.rs
    QuorumIsLed, "voters that run undisturbed, reach each other and are a quorum have a leader, and commit", "§5.2";
    LeaderHasFollowers, "a leader that no quorum can reach steps down", "thesis §6.2";
    UndisturbedLeaderStays, "nobody unseats a leader that an undisturbed quorum follows", "thesis §9.6";
}

/// The rule's name, as in a stored failure.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
