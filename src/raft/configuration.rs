//! Who belongs to the cluster, and whose word counts.

use std::{collections::BTreeSet, fmt};

use super::NodeId;

/// The members of the cluster. During a joint change (section 6) both `voters` and `outgoing` must agree to
/// everything; outside of one `outgoing` is empty.
///
/// Invariant: a learner is no voter and no outgoing voter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Nodes that vote and whose copies count.
    pub voters: BTreeSet<NodeId>,
    /// The voters of the configuration being left.
    pub outgoing: BTreeSet<NodeId>,
    /// Nodes that receive the log and have no say.
    pub learners: BTreeSet<NodeId>,
}

impl Configuration {
    /// A plain configuration of these voters.
    pub fn of(voters: impl IntoIterator<Item = NodeId>) -> Self {
        Self { voters: voters.into_iter().collect(), ..Self::default() }
    }

    /// Both halves of a joint change are in force.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether the node has a say.
    pub fn is_voter(&self, id: NodeId) -> bool {
        self.voters.contains(&id) || self.outgoing.contains(&id)
    }

    /// Everybody, in order, each once.
    pub fn members(&self) -> impl Iterator<Item = NodeId> {
        let everybody: BTreeSet<NodeId> =
            self.voters.iter().chain(&self.outgoing).chain(&self.learners).copied().collect();
        everybody.into_iter()
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "voters {:?}", self.voters)?;
        if self.is_joint() {
            write!(f, " outgoing {:?}", self.outgoing)?;
        }
        if !self.learners.is_empty() {
            write!(f, " learners {:?}", self.learners)?;
        }
        Ok(())
    }
}
