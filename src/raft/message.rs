//! The messages between nodes.

use std::sync::Arc;

use super::{Configuration, Entry, Index, NodeId, Origin, Position, Snapshot, Term};

/// One message. Its term is the sender's, except for a pre-vote, where it is the term the sender would campaign in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    pub from: NodeId,
    pub to: NodeId,
    /// The sender's cluster, as far as it knows.
    pub origin: Origin,
    pub term: Term,
    pub body: Body,
}

/// The kinds of messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// "Would you vote for me?" Changes nothing at the receiver (Raft thesis, section 9.6). A learner that
    /// misses its leader asks too: it may have been removed.
    PreVoteRequest {
        /// End of the sender's log.
        last: Position,
    },
    /// The answer to a pre-vote. When granted it bears the term asked about, else the receiver's own.
    PreVoteResponse { granted: bool },
    /// "Vote for me" (section 5.2).
    VoteRequest {
        /// End of the candidate's log.
        last: Position,
        /// The leader itself asked for this election, so no voter protects it (thesis, section 4.2.3).
        leadership_transfer: bool,
    },
    /// The answer to a vote request.
    VoteResponse { granted: bool },
    /// Entries to append after `previous` (section 5.3).
    AppendRequest {
        /// The entry before the first of `entries`.
        previous: Position,
        /// Consecutive entries; none only probes whether the logs match.
        entries: Vec<Entry>,
        /// The leader's commit index.
        commit: Index,
    },
    /// The answer to an append.
    AppendResponse {
        outcome: AppendOutcome,
        /// The sender's priority as a leader.
        priority: u32,
    },
    /// "I lead" (section 5.2).
    HeartbeatRequest {
        /// The leader's commit index, as far as the receiver is known to match.
        commit: Index,
        /// The latest read round (ReadIndex).
        round: u64,
    },
    /// "You lead."
    HeartbeatResponse {
        /// The round that this answers.
        round: u64,
        /// The sender's priority as a leader.
        priority: u32,
        /// For how long the sender lets nobody depose the leader, in microseconds; 0 if leases are off there.
        promise_us: u64,
    },
    /// "Campaign at once, I hand over to you" (thesis, section 3.10).
    TimeoutNow,
    /// "Go on from this state" (section 7): all of it has arrived at the receiver, and is staged there.
    InstallSnapshot {
        /// What the state stands for.
        snapshot: Snapshot,
        /// Number of the stream that brought it, among those of this leader.
        stream: u64,
    },
    /// The answer to a snapshot that was not taken. One that was is acknowledged as an append is.
    SnapshotRejected {
        /// Number of its stream.
        stream: u64,
        why: InstallFailure,
    },
    /// "You were removed." True in every term: who left never comes back.
    Removed {
        /// A committed configuration, without the receiver.
        configuration: Arc<Configuration>,
    },
    /// A follower asks for an index that is safe to read at (thesis, section 6.4).
    ReadIndexRequest {
        /// The follower's name for the read.
        id: u64,
    },
    /// The answer to a follower's read.
    ReadIndexResponse {
        /// The follower's name for the read.
        id: u64,
        /// Read when this index is applied. `None`: could not be confirmed, ask again.
        index: Option<Index>,
    },
}

/// Why a snapshot that arrived was not put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstallFailure {
    /// It is not there any more, or not all of it: another one took its place, or the receiver was started anew.
    NotStaged,
    /// What arrived is not what its checksum says: the sender's state is damaged.
    Damaged,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AppendOutcome {
    /// The receiver's log matches the leader's up to here, durably.
    Accepted {
        /// Last index known to match: the end of the request, never the receiver's own end.
        matched: Index,
    },
    /// The receiver has no matching entry at `previous`.
    Rejected {
        /// Index of the request's `previous`: tells a late answer from a fresh one.
        previous_index: Index,
        /// Where the logs may still agree.
        hint: Position,
    },
}
