//! The rules that must always hold, each with what it says and where it comes from. `invariants/` and `specification/` hold
//! them.

/// Name, statement, source: a row a rule.
macro_rules! rules {
    ($(#[$what:meta])* $name:ident: $($rule:ident, $statement:literal, $source:literal;)*) => {
        $(#[$what])*
        ///
        /// Each rule is one way to be wrong: two failures are the same when their rules are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name {
            $(#[doc = $statement] $rule,)*
        }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$rule,)*];

            /// What the rule says.
            pub fn statement(self) -> &'static str {
                match self { $(Self::$rule => $statement,)* }
            }

            /// Where the rule comes from: the Raft paper (§), Ongaro's thesis, or Conclave's own architecture.
            pub fn source(self) -> &'static str {
                match self { $(Self::$rule => $source,)* }
            }
        }

        /// The rule's name, as in a stored failure.
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                serde::Serialize::serialize(self, f)
            }
        }
    };
}

pub(crate) use rules;

rules! {
    /// What must always hold, of whatever a run is made of.
    Rule:
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
    CommittedIsKept, "a disk keeps every committed entry that it holds, until it is compacted", "§5.4.3";
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
    LeaseIsExclusive, "while a leader may serve reads by itself, nobody leads a later term", "thesis §6.4.1";
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
    StalledLeaderHandsOver, "a leader whose own disk stands still, while others commit, hands over", "architecture";
    UndisturbedLeaderStays, "nobody unseats a leader that an undisturbed quorum follows", "thesis §9.6";
    // service.rs
    ProxyFindsLeader, "a proxy that reaches a leader, and those that follow it, sends its calls there", "architecture";
    CallsAreAnswered, "a call that was sent to a leader which serves is answered", "architecture";
    // specification/: the guards of its actions
    RestartRemembers, "a node comes up with the term and the vote that it stored", "figure 2, raft.tla Restart";
    TermIsReached, "a term rises by a campaign, or by a message of that term", "§5.1, raft.tla Timeout, UpdateTerm";
    CampaignIsAsked, "a node campaigns when a quorum grants it pre-votes, or its leader asks it to", "thesis §9.6, §3.10";
    RequestIsTrue, "a request for a vote says where the candidate's log ends", "§5.2, raft.tla RequestVote";
    VoteIsDue, "a vote answers the request of a candidate whose log is up to date, of one in a term", "§5.4.1, raft.tla HandleRequestVoteRequest";
    LeaderIsElected, "a leader was sent the votes of a quorum of every configuration in force", "§5.2, raft.tla BecomeLeader";
    LeaderAppends, "a leader only appends to its log, entries of its own term", "§5.3, raft.tla ClientRequest";
    FollowerAppends, "a log takes the entries that a leader of its node's term sent, and is cut at a conflict alone", "§5.3, raft.tla HandleAppendEntriesRequest";
    AppendIsOfLog, "an append is a part of the leader's log, with no more than its commit index", "§5.3, raft.tla AppendEntries";
    RejectionIsTrue, "an append is refused only where the logs differ", "§5.3, raft.tla HandleAppendEntriesRequest";
    PromiseIsTrue, "a vote or an acknowledgement is true of the sender's disk and of the leader's log", "§5.3, figure 2";
    LeaderCommits, "a leader commits an entry of its own term that a quorum has acknowledged", "§5.4.2, raft.tla AdvanceCommitIndex";
    FollowerCommits, "a follower commits what a leader of its term told it and it holds as that leader does", "§5.3, raft.tla HandleAppendEntriesRequest";
    HeartbeatIsSafe, "a heartbeat commits no more than its receiver has acknowledged", "§5.3";
    HeartbeatWasSent, "only a heartbeat that was sent is answered", "§5.2";
    ReadIsConfirmed, "a read waits for an entry of the leader's term, and for a quorum that answers it after the read was asked for", "thesis §6.4";
    CompactionIsOfLog, "a log is compacted up to a committed entry of it", "§7";
    SnapshotIsSent, "a snapshot is taken that a leader streamed, of committed entries and their configuration", "§7";
    ChangeIsSettled, "members change by joint configurations, one at a time, after an entry of the leader's term is committed, and who left stays away", "§6, the correction of 2015";
    HandOverIsReady, "a leader hands over to a voter that holds its whole log", "thesis §3.10";
}

impl Rule {
    /// Whether it says what must go on, rather than what must not be.
    pub fn is_of_availability(self) -> bool {
        matches!(
            self,
            Self::QuorumIsLed
                | Self::LeaderHasFollowers
                | Self::StalledLeaderHandsOver
                | Self::UndisturbedLeaderStays
                | Self::ProxyFindsLeader
                | Self::CallsAreAnswered
        )
    }
}

#[cfg(test)]
impl Rule {
    /// Whether it is a guard of the specification: they are the last.
    pub(crate) fn is_guard(self) -> bool {
        self >= Self::RestartRemembers
    }
}
