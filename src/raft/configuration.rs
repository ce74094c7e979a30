//! Who belongs to the cluster, and who votes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{ClusterId, Incarnation, NodeId};

/// The members of the cluster, and where a change of them stands (section 6).
///
/// Invariants: `voters` is not empty in any cluster; `outgoing` is empty or `wanted` is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Configuration {
    /// The cluster. The first leader enters it; it never changes. 0 before that.
    pub cluster: ClusterId,
    /// Nodes that vote and whose copies count.
    pub voters: BTreeSet<NodeId>,
    /// While a change is joint, the voters being left: both halves must agree to everything. Else empty.
    pub outgoing: BTreeSet<NodeId>,
    /// Nodes that receive the log. One that is also a voter, or an outgoing one, votes until it is no more.
    pub learners: BTreeSet<NodeId>,
    /// While a change is staged, the voters it asks for: those that are new learn the log. Else empty.
    pub wanted: BTreeSet<NodeId>,
    /// Where members are reached. The core hands this on and never looks at it.
    pub addresses: BTreeMap<NodeId, String>,
    /// Who was a member once. An id never comes back: whoever bears it may have forgotten what the first one promised.
    pub gone: BTreeSet<NodeId>,
    /// The data directories of the members that a leader has heard of: with another one a node is not the member.
    pub incarnations: BTreeMap<NodeId, Incarnation>,
}

/// The members that a change asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Nodes that are to vote.
    pub voters: BTreeSet<NodeId>,
    /// Nodes that are to receive the log without voting.
    pub learners: BTreeSet<NodeId>,
    /// Where some of them are reached from now on; the others stay where they are.
    pub addresses: BTreeMap<NodeId, String>,
}

impl Configuration {
    /// A plain configuration of these voters.
    pub fn of(voters: impl IntoIterator<Item = NodeId>) -> Self {
        Self { voters: voters.into_iter().collect(), ..Self::default() }
    }

    /// What makes it no configuration of any cluster, if something does.
    pub fn flaw(&self) -> Option<&'static str> {
        let mut named = self.members().chain(self.wanted.iter().copied());
        match () {
            () if self.voters.is_empty() => Some("a configuration without voters"),
            () if self.is_joint() && !self.wanted.is_empty() => Some("a change both staged and joint"),
            () if named.any(|id| id == 0) => Some("a configuration with nobody in it"),
            () => None,
        }
    }

    /// Both halves of a joint change are in force.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// A change is staged or joint: another configuration follows.
    pub fn is_changing(&self) -> bool {
        self.is_joint() || !self.wanted.is_empty()
    }

    /// Whether the node votes.
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

    pub(super) fn size_bytes(&self) -> usize {
        const MEMBER_BYTES: usize = 64;
        MEMBER_BYTES * self.members().count() + 8 * self.gone.len()
    }

    /// The voters of a staged change that are learners yet.
    pub(super) fn arriving(&self) -> impl Iterator<Item = NodeId> {
        self.wanted.difference(&self.voters).copied()
    }

    /// This configuration with a change begun: it gives the learners asked for, and new voters as learners.
    pub(super) fn staged(&self, members: Members) -> Self {
        let Members { voters, learners, addresses } = members;
        let arriving = voters.difference(&self.voters).copied();
        let mut staged = self.clone();
        staged.learners = learners.into_iter().chain(arriving).collect();
        staged.wanted = if voters == self.voters { BTreeSet::new() } else { voters };
        staged.addresses.extend(addresses);
        staged.after(self)
    }

    /// What follows: after staging the joint configuration, after that the final one.
    pub(super) fn advanced(&self) -> Self {
        if self.wanted.is_empty() {
            return Self { outgoing: BTreeSet::new(), ..self.clone() }.after(self);
        }
        Self {
            voters: self.wanted.clone(),
            outgoing: self.voters.clone(),
            learners: self.learners.difference(&self.wanted).copied().collect(),
            wanted: BTreeSet::new(),
            ..self.clone()
        }
    }

    /// Notes who is no member any more.
    fn after(mut self, before: &Self) -> Self {
        let left: Vec<NodeId> = before.members().filter(|&id| !self.contains(id)).collect();
        self.gone.extend(left);
        let addresses = std::mem::take(&mut self.addresses).into_iter();
        self.addresses = addresses.filter(|&(id, _)| self.contains(id)).collect();
        let incarnations = std::mem::take(&mut self.incarnations).into_iter();
        self.incarnations = incarnations.filter(|&(id, _)| self.contains(id)).collect();
        self
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "voters {:?}", self.voters)?;
        let rest = [
            ("outgoing", &self.outgoing),
            ("learners", &self.learners),
            ("wanted", &self.wanted),
            ("gone", &self.gone),
        ];
        for (name, nodes) in rest {
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

    fn members(voters: &[NodeId], learners: &[NodeId]) -> Members {
        Members { voters: nodes(voters), learners: nodes(learners), ..Members::default() }
    }

    #[test]
    fn a_change_stages_joins_and_ends() {
        let old = Configuration { learners: nodes(&[7]), ..Configuration::of([1, 2, 3]) };
        // 4 replaces 3, which stays as a learner; 7 goes.
        let staged = old.staged(members(&[1, 2, 4], &[3]));
        assert_eq!(staged.to_string(), "voters {1, 2, 3} learners {3, 4} wanted {1, 2, 4} gone {7}");
        assert_eq!(staged.arriving().collect::<Vec<_>>(), [4]);
        let joint = staged.advanced();
        assert_eq!(joint.to_string(), "voters {1, 2, 4} outgoing {1, 2, 3} learners {3} gone {7}");
        assert!(joint.is_voter(3));
        let last = joint.advanced();
        assert_eq!(last.to_string(), "voters {1, 2, 4} learners {3} gone {7}");
        assert!(!last.is_voter(3) && !last.is_changing());
    }

    #[test]
    fn a_flaw_makes_it_no_configuration_of_any_cluster() {
        let stable = Configuration::of([1, 2]);
        let staged = stable.staged(members(&[1, 2, 3], &[]));
        let joint = staged.advanced();
        for sound in [&stable, &staged, &joint] {
            assert_eq!(sound.flaw(), None);
        }
        assert_eq!(Configuration::default().flaw(), Some("a configuration without voters"));
        let both = Configuration { wanted: nodes(&[4]), ..joint };
        assert_eq!(both.flaw(), Some("a change both staged and joint"));
        let nobody = Some("a configuration with nobody in it");
        assert_eq!(Configuration::of([0, 1]).flaw(), nobody);
        assert_eq!(Configuration { wanted: nodes(&[0, 1]), ..stable }.flaw(), nobody);
    }

    #[test]
    fn everybody_takes_room_former_members_too() {
        let learners = nodes(&[4]);
        let configuration = Configuration { learners, gone: nodes(&[5, 6]), ..Configuration::of([1, 2, 3]) };
        assert_eq!(configuration.size_bytes(), 4 * 64 + 2 * 8);
    }

    #[test]
    fn learners_come_and_go_in_one_step() {
        let staged = Configuration::of([1, 2, 3]).staged(members(&[1, 2, 3], &[4]));
        assert_eq!(staged.to_string(), "voters {1, 2, 3} learners {4}");
        assert!(!staged.is_changing());
    }

    #[test]
    fn addresses_last_as_long_as_the_membership() {
        let addresses = |ids: &[NodeId]| ids.iter().map(|&id| (id, format!("host-{id}"))).collect();
        let old = Configuration { addresses: addresses(&[1, 2, 3]), ..Configuration::of([1, 2, 3]) };
        let joint = old.staged(Members { addresses: addresses(&[4]), ..members(&[1, 2, 4], &[]) }).advanced();
        assert_eq!(joint.addresses, addresses(&[1, 2, 3, 4]));
        assert_eq!(joint.advanced().addresses, addresses(&[1, 2, 4]));
        assert_eq!(joint.advanced().gone, nodes(&[3]));
    }
}
