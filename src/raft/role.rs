//! The roles of a node, each holding the data that only it needs.

use std::{collections::BTreeMap, fmt};

use super::{
    Index, NodeId, lease::LeaderLease, progress::Progress, read_index::ReadRounds, transfer::Transfer,
};

#[derive(Clone, Debug, Hash)]
pub(super) enum Role {
    Follower(Follower),
    PreCandidate(Candidacy),
    Candidate(Candidacy),
    Leader(Leader),
}

/// Follows the leader of the term, once it knows it. Learners are followers that do not vote.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Follower {
    pub(super) leader: Option<NodeId>,
    /// Reads forwarded to the leader, and the ticks each has waited.
    pub(super) reads: BTreeMap<u64, u32>,
}

/// A ballot, of a pre-vote or of a vote.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Candidacy {
    pub(super) votes: BTreeMap<NodeId, bool>,
}

#[derive(Clone, Debug, Hash)]
pub(super) struct Leader {
    pub(super) peers: BTreeMap<NodeId, Progress>,
    /// Index of this leader's first entry: once committed, so is all that it inherited (section 5.4.2).
    pub(super) term_start: Index,
    pub(super) rounds: ReadRounds,
    pub(super) lease: LeaderLease,
    pub(super) transfer: Option<Transfer>,
    /// Ticks since the last check that a quorum still answers.
    pub(super) quorum_check_ticks: u32,
    /// What its own disk held at that check, if less than its log, and after how many checks more it held no more.
    pub(super) stalled: Option<(Index, u32)>,
    /// Ticks until leadership may be handed to a node of higher priority.
    pub(super) hand_over_ticks: u32,
}

impl Role {
    pub(super) fn name(&self) -> RoleName {
        match self {
            Role::Follower(_) => RoleName::Follower,
            Role::PreCandidate(_) => RoleName::PreCandidate,
            Role::Candidate(_) => RoleName::Candidate,
            Role::Leader(_) => RoleName::Leader,
        }
    }
}

/// Which role a node plays, for those who watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleName {
    /// Follows a leader, or waits for one.
    Follower,
    /// Asks whether an election could be won.
    PreCandidate,
    /// Stands for election.
    Candidate,
    /// Leads its term.
    Leader,
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RoleName::Follower => "follower",
            RoleName::PreCandidate => "pre-candidate",
            RoleName::Candidate => "candidate",
            RoleName::Leader => "leader",
        })
    }
}
