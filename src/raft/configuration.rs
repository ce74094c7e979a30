//! Who belongs to the cluster, and whose word counts.

use std::{collections::BTreeSet, fmt};

use super::NodeId;

/// The members of the cluster, and where a change of them stands (section 6).
///
/// Invariants: `voters` is not empty in any cluster; `outgoing` is empty or `wanted` is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Nodes that vote and whose copies count.
    pub voters: BTreeSet<NodeId>,
    /// While a change is joint, the voters being left: both halves must agree to everything. Else empty.
    pub outgoing: BTreeSet<NodeId>,
    /// Nodes that receive the log. One that is also a voter, or an outgoing one, has a say until it is no more.
    pub learners: BTreeSet<NodeId>,
    /// While a change is staged, the voters it asks for: those that are new learn the log. Else empty.
    pub wanted: BTreeSet<NodeId>,
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

    /// A change is staged or joint: another configuration follows.
    pub fn is_changing(&self) -> bool {
        self.is_joint() || !self.wanted.is_empty()
    }

    /// Whether the node has a say.
    pub fn is_voter(&self, id: NodeId) -> bool {
        self.voters.contains(&id) || self.outgoing.contains(&id)
    }

    /// Whether the node belongs to the cluster at all.
    pub fn contains(&self, id: NodeId) -> bool {
        self.is_voter(id) || self.learners.contains(&id)
    }

    /// Everybody, in order, each once.
    pub fn members(&self) -> impl Iterator<Item = NodeId> {
        let everybody: BTreeSet<NodeId> =
            self.voters.iter().chain(&self.outgoing).chain(&self.learners).copied().collect();
        everybody.into_iter()
    }

    /// The voters of a staged change that are learners yet.
    pub(super) fn arriving(&self) -> impl Iterator<Item = NodeId> {
        self.wanted.difference(&self.voters).copied()
    }

    /// This configuration with a change begun: it gives the learners asked for, and new voters as learners.
    pub(super) fn staged(&self, voters: BTreeSet<NodeId>, learners: BTreeSet<NodeId>) -> Self {
        let arriving = voters.difference(&self.voters).copied();
        let learners = learners.into_iter().chain(arriving).collect();
        let wanted = if voters == self.voters { BTreeSet::new() } else { voters };
        Self { voters: self.voters.clone(), outgoing: BTreeSet::new(), learners, wanted }
    }

    /// What follows: after staging the joint configuration, after that the final one.
    pub(super) fn advanced(&self) -> Self {
        if self.wanted.is_empty() {
            return Self { outgoing: BTreeSet::new(), ..self.clone() };
        }
        Self {
            voters: self.wanted.clone(),
            outgoing: self.voters.clone(),
            learners: self.learners.difference(&self.wanted).copied().collect(),
            wanted: BTreeSet::new(),
        }
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "voters {:?}", self.voters)?;
        for (name, nodes) in
            [("outgoing", &self.outgoing), ("learners", &self.learners), ("wanted", &self.wanted)]
        {
            if !nodes.is_empty() {
                write!(f, " {name} {nodes:?}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(ids: &[NodeId]) -> BTreeSet<NodeId> {
        ids.iter().copied().collect()
    }

    #[test]
    fn a_change_stages_joins_and_ends() {
        let old = Configuration { learners: nodes(&[7]), ..Configuration::of([1, 2, 3]) };
        // 4 replaces 3, which stays as a learner; 7 goes.
        let staged = old.staged(nodes(&[1, 2, 4]), nodes(&[3]));
        assert_eq!(staged.to_string(), "voters {1, 2, 3} learners {3, 4} wanted {1, 2, 4}");
        assert_eq!(staged.arriving().collect::<Vec<_>>(), [4]);
        let joint = staged.advanced();
        assert_eq!(joint.to_string(), "voters {1, 2, 4} outgoing {1, 2, 3} learners {3}");
        assert!(joint.is_voter(3));
        let last = joint.advanced();
        assert_eq!(last.to_string(), "voters {1, 2, 4} learners {3}");
        assert!(!last.is_voter(3) && !last.is_changing());
    }

    #[test]
    fn learners_come_and_go_in_one_step() {
        let staged = Configuration::of([1, 2, 3]).staged(nodes(&[1, 2, 3]), nodes(&[4]));
        assert_eq!(staged.to_string(), "voters {1, 2, 3} learners {4}");
        assert!(!staged.is_changing());
    }
}
