//! Ids, terms, log positions.

use std::fmt;

/// Names a node for ever: an id is never used again for another node. 0 is nobody.
pub type NodeId = u64;

/// Names a cluster for ever: drawn at random when it is founded. 0 while it is not known.
pub type ClusterId = u64;

/// Tells a node's data directory from a later one of the same node: drawn at random when it is begun. 0: directories are not
/// told apart.
pub type Incarnation = u64;

/// Which cluster a node belongs to, as far as it knows, and with which data: what its messages say of where they come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The cluster of the configuration in force; 0 if that names none.
    pub cluster: ClusterId,
    /// That configuration is committed, or one before it that names the cluster is: the node belongs to no other. Else it is
    /// about to be founded, and another leader's founding entry may take the place of this one's.
    pub is_certain: bool,
    /// The node's data directory.
    pub incarnation: Incarnation,
}

impl Origin {
    /// The cluster, if the node surely belongs to it; else 0.
    pub fn certain_cluster(&self) -> ClusterId {
        if self.is_certain { self.cluster } else { 0 }
    }
}

/// A period with at most one leader (Raft paper, section 5.1). Terms only grow.
pub type Term = u64;

/// Place of an entry in the log. The first entry has index 1.
pub type Index = u64;

/// The end of a log, or any place in it. The order is the paper's "at least as up-to-date": the term decides,
/// then the index (section 5.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Term of the entry there.
    pub term: Term,
    /// Index of the entry there.
    pub index: Index,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.index, self.term)
    }
}

/// Names a snapshot on its way to a peer: no two in a cluster have the same one. Later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Term of the leader that sends it.
    pub term: Term,
    /// Counts the streams of that leader.
    pub number: u64,
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.number, self.term)
    }
}

/// What must never be forgotten besides the log: the current term and the vote cast in it. They are one record, so
/// that no crash can part them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vote {
    /// The latest term this node has seen.
    pub term: Term,
    /// Whom it voted for in that term.
    pub candidate: Option<NodeId>,
}
