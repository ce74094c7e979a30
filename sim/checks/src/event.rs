//! What nodes do, as data: the part of a trace that is about the consensus.

use std::fmt;

use conclave::raft::{Index, NodeId, Persist, Raft, RoleName, Term};
use serde::{Deserialize, Serialize};

/// Something that a node's core or the outside that serves it did.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum CoreEvent {
    /// A node came up with this on its disk.
    Started {
        node: NodeId,
        term: Term,
        /// Whom it voted for in that term.
        candidate: Option<NodeId>,
        /// The log is compacted up to here.
        compacted: Index,
        /// The end of the log.
        last: Index,
    },
    /// A core took a step that others can see.
    Stepped {
        node: NodeId,
        #[serde(with = "Role")]
        role: RoleName,
        term: Term,
        /// Whom it voted for in that term.
        candidate: Option<NodeId>,
        /// The log is compacted up to here.
        compacted: Index,
        /// The end of the log.
        last: Index,
        commit: Index,
    },
    /// A log's disk holds a write.
    Persisted {
        node: NodeId,
        ticket: u64,
        /// The log begins after this index from now on.
        compacted: Option<Index>,
        vote: Option<StoredVote>,
        entries: Option<StoredEntries>,
    },
    /// A state machine applied these entries.
    Applied {
        node: NodeId,
        first: Index,
        last: Index,
        /// The hash of its state thereafter.
        state_hash: u64,
    },
    /// A snapshot took the place of a state machine's state.
    Installed {
        node: NodeId,
        /// The last entry that went into it.
        last: Index,
        state_hash: u64,
    },
}

/// A vote on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StoredVote {
    pub term: Term,
    pub candidate: Option<NodeId>,
}

/// Consecutive entries on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StoredEntries {
    pub first: Index,
    pub last: Index,
    /// The term of the last one.
    pub term: Term,
}

/// How a role is written: the core itself knows of no format.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", remote = "RoleName")]
enum Role {
    Follower,
    PreCandidate,
    Candidate,
    Leader,
}

impl CoreEvent {
    pub(crate) fn started(core: &Raft) -> Self {
        Self::Started {
            node: core.id(),
            term: core.term(),
            candidate: core.vote().candidate,
            compacted: core.compacted().index,
            last: core.last().index,
        }
    }

    pub(crate) fn stepped(core: &Raft) -> Self {
        Self::Stepped {
            node: core.id(),
            role: core.role(),
            term: core.term(),
            candidate: core.vote().candidate,
            compacted: core.compacted().index,
            last: core.last().index,
            commit: core.commit(),
        }
    }

    pub(crate) fn persisted(node: NodeId, write: &Persist) -> Self {
        let Persist { ticket, compacted, vote, entries, promises: _ } = write;
        let ends = entries.first().zip(entries.last());
        Self::Persisted {
            node,
            ticket: *ticket,
            compacted: compacted.as_ref().map(|compacted| compacted.position.index),
            vote: vote.map(|vote| StoredVote { term: vote.term, candidate: vote.candidate }),
            entries: ends.map(|(first, last)| StoredEntries {
                first: first.index,
                last: last.index,
                term: last.term,
            }),
        }
    }

    /// The node that did it.
    pub fn node(&self) -> NodeId {
        match *self {
            Self::Started { node, .. }
            | Self::Stepped { node, .. }
            | Self::Persisted { node, .. }
            | Self::Applied { node, .. }
            | Self::Installed { node, .. } => node,
        }
    }
}

impl fmt::Display for CoreEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}   ", self.node())?;
        match self {
            Self::Started { term, compacted, last, .. } => {
                write!(f, "started in term {term}, log after {compacted} to {last}")
            }
            Self::Stepped { role, term, candidate, compacted, last, commit, .. } => {
                write!(f, "{role} in term {term}")?;
                if let Some(candidate) = candidate {
                    write!(f, ", voted for {candidate}")?;
                }
                write!(f, ", log after {compacted} to {last}, commit {commit}")
            }
            Self::Persisted { ticket, compacted, vote, entries, .. } => {
                write!(f, "wrote {ticket}")?;
                if let Some(index) = compacted {
                    write!(f, ", log after {index}")?;
                }
                match vote {
                    Some(StoredVote { term, candidate: Some(candidate) }) => {
                        write!(f, ", vote for {candidate} in term {term}")?;
                    }
                    Some(StoredVote { term, candidate: None }) => write!(f, ", term {term}")?,
                    None => {}
                }
                match entries {
                    Some(StoredEntries { first, last, term }) => {
                        write!(f, ", entries {first} to {last} of term {term}")
                    }
                    None => Ok(()),
                }
            }
            Self::Applied { last, state_hash, .. } => write!(f, "applied {last}, state {state_hash:016x}"),
            Self::Installed { last, state_hash, .. } => {
                write!(f, "goes on from a snapshot at {last}, state {state_hash:016x}")
            }
        }
    }
}
