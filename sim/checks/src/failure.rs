//! What went wrong: which rule broke, and where. The rule is the identity of a failure; the rest is its circumstances.

use std::fmt;

use conclave::raft::{NodeId, Term};
use serde::{Deserialize, Serialize};

/// A rule that must always hold. Each is one way to be wrong: two failures are the same when their rules are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    // invariants/election.rs
    TermsOnlyGrow,
    OneVotePerTerm,
    OneLeaderPerTerm,
    LeaderHasQuorum,
    LeaderCompleteness,
    // invariants/log.rs
    LogMatching,
    WritesFormTheLog,
    DurableIsOnDisk,
    // invariants/commit.rs
    CommitOnlyGrows,
    CommitWithinLog,
    CommitByOwnTerm,
    CommittedIsFinal,
    CommittedOnQuorum,
    // invariants/durability.rs
    PromisedVoteIsKept,
    PromisedEntriesAreKept,
    NothingIsInvented,
    PromiseAfterWrite,
    // invariants/state.rs
    AppliedIsCommitted,
    AppliedInOrder,
    AppliedIsOnDisk,
    EqualStates,
    // invariants/snapshot.rs
    CompactedIsCommitted,
    CompactedIsApplied,
    SnapshotIsCommitted,
    // invariants/reads.rs
    ReadIsLinearizable,
    // invariants/configuration.rs
    LatestConfigurationInForce,
    RemovalIsCommitted,
    // invariants/silence.rs
    SilenceEndsFollowing,
}

impl Rule {
    /// What the rule says.
    pub fn statement(self) -> &'static str {
        match self {
            Self::TermsOnlyGrow => "a node's term never goes back, in memory or on disk",
            Self::OneVotePerTerm => "a node votes for one candidate a term, across crashes",
            Self::OneLeaderPerTerm => "a term has one leader at most",
            Self::LeaderHasQuorum => "a leader has the durable votes of a quorum in its very term",
            Self::LeaderCompleteness => "a leader holds every entry that was committed in an earlier term",
            Self::LogMatching => "entries of one index and term are the same, and so is what precedes them",
            Self::WritesFormTheLog => "what a core has written, or is writing, is the log as it knows it",
            Self::DurableIsOnDisk => "the entries that a core takes for durable are on its disk",
            Self::CommitOnlyGrows => "a commit index never goes back",
            Self::CommitWithinLog => "only what the log holds is committed",
            Self::CommitByOwnTerm => "a leader commits by counting only entries of its own term",
            Self::CommittedIsFinal => "a committed entry never changes",
            Self::CommittedOnQuorum => "a committed entry is on the disks of a quorum",
            Self::PromisedVoteIsKept => "a restarted node remembers the term and the vote that it stored",
            Self::PromisedEntriesAreKept => "a restarted node holds the entries that it stored",
            Self::NothingIsInvented => "a restarted node holds nothing that it never stored",
            Self::PromiseAfterWrite => "a message leaves when what it promises is durable",
            Self::AppliedIsCommitted => "only committed entries are applied",
            Self::AppliedInOrder => "entries are applied in order, each once",
            Self::AppliedIsOnDisk => "an entry is applied when it is durable in the node's own log",
            Self::EqualStates => {
                "at an equal applied index states are equal, sessions and cached replies included"
            }
            Self::CompactedIsCommitted => "a log is compacted up to a committed entry",
            Self::CompactedIsApplied => "a log is compacted no further than the state machine has applied",
            Self::SnapshotIsCommitted => "a snapshot stands for committed entries",
            Self::ReadIsLinearizable => "a read sees what was committed when it was asked for",
            Self::LatestConfigurationInForce => {
                "the latest configuration in the log is in force, committed or not"
            }
            Self::RemovalIsCommitted => "a node leaves when its removal is committed",
            Self::SilenceEndsFollowing => {
                "a node that hears nobody follows nobody, and leads only if it is a quorum"
            }
        }
    }

    /// Where the rule comes from.
    pub fn source(self) -> &'static str {
        match self {
            Self::TermsOnlyGrow => "Raft, section 5.1",
            Self::OneVotePerTerm | Self::OneLeaderPerTerm | Self::LeaderHasQuorum => "Raft, section 5.2",
            Self::LogMatching | Self::CommitOnlyGrows | Self::CommitWithinLog | Self::CommittedOnQuorum => {
                "Raft, section 5.3"
            }
            Self::LeaderCompleteness => "Raft, section 5.4",
            Self::CommitByOwnTerm => "Raft, section 5.4.2, figure 8",
            Self::CommittedIsFinal | Self::AppliedIsCommitted | Self::AppliedInOrder | Self::EqualStates => {
                "Raft, section 5.4.3"
            }
            Self::PromisedVoteIsKept | Self::PromisedEntriesAreKept | Self::PromiseAfterWrite => {
                "Raft, figure 2, persistent state"
            }
            Self::NothingIsInvented
            | Self::WritesFormTheLog
            | Self::DurableIsOnDisk
            | Self::AppliedIsOnDisk => "docs/architecture.md",
            Self::CompactedIsCommitted | Self::CompactedIsApplied | Self::SnapshotIsCommitted => {
                "Raft, section 7"
            }
            Self::ReadIsLinearizable => "Ongaro's thesis, section 6.4",
            Self::LatestConfigurationInForce => "Raft, section 6",
            Self::RemovalIsCommitted => "Ongaro's thesis, section 4.2.2",
            Self::SilenceEndsFollowing => "Ongaro's thesis, section 6.2",
        }
    }
}

/// The rule's name, as in a stored failure.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A rule that broke, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    pub rule: Rule,
    /// The nodes between which it broke: first the one whose step showed it.
    pub nodes: Vec<NodeId>,
    /// The term in which it broke.
    pub term: Term,
    /// What was seen, for a reader.
    pub detail: String,
}

impl Failure {
    pub(crate) fn new(rule: Rule, node: NodeId, term: Term, detail: String) -> Self {
        Self { rule, nodes: vec![node], term, detail }
    }

    pub(crate) fn with(mut self, other: NodeId) -> Self {
        self.nodes.push(other);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (statement, source) = (self.rule.statement(), self.rule.source());
        write!(f, "{}: {}; but {statement} ({source})", self.rule, self.detail)
    }
}
