//! Changes of membership by joint consensus (section 6): any number of nodes at once, each change in three entries.
//!
//! ```text
//!   staging    new voters learn the log; nothing else changes      (left out when nobody has to)
//!   joint      old and new voters must both agree to everything
//!   final      the new voters alone
//! ```
//!
//! The leader takes the next step by itself as soon as it may, also a leader that inherits the change: where it stands
//! is in the log. A configuration is in force from the moment it is appended, committed or not.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Body, Configuration, Index, Members, NodeId, Origin, Payload, Proposed, RoleName,
    progress::Progress,
    quorum::{is_majority, is_quorum},
    raft::{Raft, Shared},
    role::{Leader, Role},
};

/// A learner that lacks no more than this many committed entries, and is being sent them, is caught up: with a voter so
/// far behind, commits do not stall. (One that needs a snapshot first would stall them for as long as that takes.)
pub const CAUGHT_UP_ENTRIES: Index = 1_000;

/// Why a change of membership was refused: in each case nothing happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeError {
    /// Another node leads, or nobody.
    NotLeader {
        /// Who does, if known.
        leader: Option<NodeId>,
    },
    /// Leadership is being handed over.
    Transferring,
    /// The leader has not committed an entry of its term yet: what an earlier leader changed might still come to
    /// nothing, and two majorities would not meet (the correction to section 6 of 2015). Or it has led for less than an
    /// election timeout or two, and not heard from everybody.
    TooEarly,
    /// An earlier change is not committed, or joint.
    UnderWay,
    /// No voter would be left, a node would be both voter and learner, or it would be 0, which stands for nobody.
    Invalid,
    /// This node was a member and left: it needs a new id to come back.
    Gone(NodeId),
    /// These voters do not answer, and without them there would be no majority: nothing could be committed any more, nor this
    /// change taken back (the strict reconfiguration check of etcd).
    Unhealthy(BTreeSet<NodeId>),
}

impl Raft {
    /// Asks for these members. Voters that are new learn the log first, as learners; when all of them have caught up the
    /// change goes on by itself. A change that still waits for that is replaced by the next.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn change_members(&mut self, members: Members) -> Result<Proposed, ChangeError> {
        let Role::Leader(leader) = &self.role else {
            return Err(ChangeError::NotLeader { leader: self.leader() });
        };
        if leader.transfer.is_some() {
            return Err(ChangeError::Transferring);
        }
        if self.shared.commit < leader.term_start {
            return Err(ChangeError::TooEarly);
        }
        if !self.shared.is_configuration_committed() || self.configuration().is_joint() {
            return Err(ChangeError::UnderWay);
        }
        let nobody = members.voters.contains(&0) || members.learners.contains(&0);
        if nobody || members.voters.is_empty() || !members.voters.is_disjoint(&members.learners) {
            return Err(ChangeError::Invalid);
        }
        let mut asked_for = members.voters.iter().chain(&members.learners);
        if let Some(&id) = asked_for.find(|id| self.configuration().gone.contains(id)) {
            return Err(ChangeError::Gone(id));
        }
        let proposed = Proposed { term: self.term(), first: self.last().index + 1 };
        let staged = self.configuration().staged(members);
        leader.check_health(&staged, self.id())?;
        match leader.are_caught_up(&staged, &self.shared) {
            true => self.append_configuration(staged.advanced()),
            false => self.append_configuration(staged),
        }
        Ok(proposed)
    }

    /// Takes the next step of a change, if there is one and it may be taken.
    pub(super) fn continue_change(&mut self) {
        let Role::Leader(leader) = &self.role else { return };
        let configuration = self.shared.configuration();
        let settled = self.shared.is_configuration_committed() && self.shared.commit >= leader.term_start;
        if configuration.is_changing()
            && settled
            && leader.transfer.is_none()
            && leader.are_caught_up(configuration, &self.shared)
            && leader.check_health(configuration, self.id()).is_ok()
        {
            let next = configuration.advanced();
            self.append_configuration(next);
        }
    }

    /// The voters for which a staged change waits: it has not become joint, because without them nothing could be committed then.
    pub fn missing_voters(&self) -> BTreeSet<NodeId> {
        let Role::Leader(leader) = &self.role else { return BTreeSet::new() };
        match leader.check_health(self.configuration(), self.id()) {
            Err(ChangeError::Unhealthy(silent)) => silent,
            _ => BTreeSet::new(),
        }
    }

    /// Voters that a staged change keeps or makes, and of whose data directories there is no record: it waits until a leader has heard
    /// them, for they could elect nobody.
    pub fn unrecorded_voters(&self) -> BTreeSet<NodeId> {
        self.shared.unrecorded(self.configuration()).collect()
    }

    fn append_configuration(&mut self, configuration: Configuration) {
        self.shared.append_own(Payload::Configuration(configuration.into()));
        let Role::Leader(leader) = &mut self.role else { return };
        leader.lease.reset();
        let peers = self.shared.peers();
        let leaves = |id: &NodeId| !peers.contains(id);
        let streams = leader.peers.iter().filter(|(id, _)| leaves(id)).filter_map(|(_, peer)| peer.stream());
        self.shared.out.cancelled.extend(streams);
        leader.peers.retain(|id, _| !leaves(id));
        for id in peers {
            leader.peers.entry(id).or_insert_with(|| Progress::new(self.shared.log.last().index - 1));
        }
    }

    /// The configuration without this node, once it is known to be committed: the node left for good.
    pub fn removed_by(&self) -> Option<&Arc<Configuration>> {
        self.shared.configuration_without(self.id())
    }

    /// Where this node is reached, by the latest configuration in its log that says so.
    pub fn own_address(&self) -> Option<&String> {
        let known = self.shared.configurations.iter().rev();
        known
            .map(|(_, configuration)| &configuration.addresses)
            .find_map(|addresses| addresses.get(&self.id()))
    }

    /// A node that was removed before it could hear of it misses its leader and asks for votes. Any member tells it. One that
    /// hears from a leader did not ask.
    pub(super) fn on_removed(&mut self, configuration: Arc<Configuration>) {
        if self.leader().is_some() {
            return;
        }
        self.shared.removed_by = Some(configuration);
        if self.role() != RoleName::Follower {
            self.become_follower(self.term(), None);
        }
    }

    /// A leader leads on through the change that removes it, and goes when that is committed (section 6). The voter
    /// that holds most is told to follow it at once.
    pub(super) fn retire_if_removed(&mut self) {
        if !self.is_leader() {
            return;
        }
        let configuration = self.shared.configuration();
        if configuration.is_voter(self.shared.options.id) || !self.shared.is_configuration_committed() {
            return;
        }
        if let Some(successor) = self.successor() {
            self.shared.send(successor, Body::TimeoutNow);
        }
        self.become_follower(self.term(), None);
    }
}

impl Leader {
    /// Whether both majorities of the joint configuration that follows are there. Voters that are new count as if they answered:
    /// the change waits for them while it is staged, and can be taken back.
    fn check_health(&self, staged: &Configuration, own: NodeId) -> Result<(), ChangeError> {
        if staged.wanted.is_empty() {
            return Ok(());
        }
        let joint = staged.advanced();
        let peer = |id: NodeId| self.peers.get(&id);
        let is_present = |id| id == own || !staged.voters.contains(&id);
        let answers = |id| is_present(id) || peer(id).is_some_and(Progress::answers);
        if is_quorum(&joint, answers) {
            return Ok(());
        }
        // Whom a new leader has not heard from may be about to answer.
        if is_quorum(&joint, |id| is_present(id) || peer(id).is_some_and(Progress::is_active)) {
            return Err(ChangeError::TooEarly);
        }
        let lacking = if is_majority(&joint.voters, answers) { joint.outgoing } else { joint.voters };
        Err(ChangeError::Unhealthy(lacking.into_iter().filter(|&id| !answers(id)).collect()))
    }

    fn are_caught_up(&self, configuration: &Configuration, shared: &Shared) -> bool {
        let caught_up = |id: &NodeId| {
            self.peers.get(id).is_some_and(|progress| {
                progress.is_active()
                    && progress.is_replicating()
                    && progress.matched >= shared.log.compacted().index
                    && shared.lacks_little(progress.matched)
            })
        };
        configuration.arriving().all(|id| caught_up(&id)) && shared.unrecorded(configuration).next().is_none()
    }
}

impl Shared {
    /// The voters that a change asks for, and that could elect nobody: they are not on record.
    fn unrecorded(&self, changing: &Configuration) -> impl Iterator<Item = NodeId> {
        changing.wanted.iter().copied().filter(|&id| !self.is_recorded(id))
    }

    pub(super) fn configuration_index(&self) -> Index {
        self.configurations.last().expect("there is always a configuration").0
    }

    /// The configuration in force as of an index that the log reaches back to.
    pub(super) fn configuration_at(&self, index: Index) -> &Arc<Configuration> {
        let mut in_force = self.configurations.iter().rev().filter(|&&(at, _)| at <= index);
        &in_force.next().expect("the configuration at the compacted position is kept").1
    }

    /// What the first leader enters into the log: the cluster has its id from here on.
    pub(super) fn founding_configuration(&self) -> Arc<Configuration> {
        let configuration = self.with_records().unwrap_or_else(|| self.configuration().clone());
        Arc::new(Configuration { cluster: self.options.founding_id, ..Configuration::clone(&configuration) })
    }

    /// Which cluster this node belongs to. The founding entry names it, and is the first that can be committed.
    pub(super) fn origin(&self) -> Origin {
        let mut committed = self.configurations.iter().filter(|&&(at, _)| at <= self.commit);
        let certain = committed.find(|(_, configuration)| configuration.cluster != 0);
        let (_, named_by) = certain.or(self.configurations.last()).expect("there is always a configuration");
        Origin {
            cluster: named_by.cluster,
            is_certain: certain.is_some(),
            incarnation: self.options.incarnation,
        }
    }

    /// The last configuration that is known to be committed, if that node has left by then. A node that was told that it
    /// left itself knows of others too: it may be the only one whom those can still ask.
    pub(super) fn configuration_without(&self, id: NodeId) -> Option<&Arc<Configuration>> {
        let in_log = self.configurations.iter().rfind(|&&(at, _)| at <= self.commit);
        let known = self.removed_by.iter().chain(in_log.map(|(_, committed)| committed));
        known.into_iter().find(|configuration| configuration.gone.contains(&id))
    }

    /// The last configuration that is known to be committed, and those after it: one of them is in force.
    pub(super) fn possible_configurations(&self) -> impl Iterator<Item = &Arc<Configuration>> {
        let uncommitted = self.configurations.partition_point(|&(at, _)| at <= self.commit);
        self.configurations[uncommitted.saturating_sub(1)..].iter().map(|(_, possible)| possible)
    }

    /// Whether a node may be a member, as far as this one knows.
    pub(super) fn may_be_member(&self, id: NodeId) -> bool {
        self.possible_configurations().any(|possible| possible.contains(id))
    }

    pub(super) fn is_configuration_committed(&self) -> bool {
        self.configuration_index() <= self.commit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{InitialState, Options, RoleName};

    /// Node 1, which is to lead itself.
    fn alone() -> Raft {
        let configuration = Configuration::of([1]);
        let initial = InitialState { configuration: configuration.into(), ..InitialState::default() };
        Raft::new(Options::plain(1), initial)
    }

    /// Makes durable whatever is to be.
    fn settle(core: &mut Raft) {
        while let Some(persist) = core.effects().persist {
            core.persisted(persist.ticket);
        }
    }

    fn leader() -> Raft {
        let mut core = alone();
        for _ in 0..2 * Options::plain(1).election_ticks_max {
            core.tick();
            settle(&mut core);
        }
        assert_eq!(core.role(), RoleName::Leader);
        core
    }

    fn members(voters: &[NodeId], learners: &[NodeId]) -> Members {
        let [voters, learners] = [voters, learners].map(|ids| ids.iter().copied().collect());
        Members { voters, learners, ..Members::default() }
    }

    #[test]
    fn nobody_is_missing_where_nothing_changes() {
        assert_eq!(alone().missing_voters(), BTreeSet::new());
        assert_eq!(leader().missing_voters(), BTreeSet::new());
    }

    #[test]
    fn a_leader_says_where_what_it_was_asked_for_begins() {
        let mut core = leader();
        let next = |core: &Raft| Proposed { term: core.term(), first: core.last().index + 1 };
        let expected = next(&core);
        assert_eq!(core.propose([[1].into(), [2].into()]), Ok(expected));
        assert_eq!(core.last().index, expected.first + 1);
        settle(&mut core);
        let expected = next(&core);
        assert_eq!(core.change_members(members(&[1], &[2])), Ok(expected));
        assert_eq!(core.last().index, expected.first);
    }

    #[test]
    fn a_configuration_is_in_force_before_it_is_committed() {
        let mut core = leader();
        assert!(core.is_configuration_committed());
        let addresses = [(1, "host-1".to_owned())].into();
        core.change_members(Members { addresses, ..members(&[1], &[2]) }).expect("it leads");
        let last = core.last().index;
        assert_eq!((core.configuration_index(), core.is_configuration_committed()), (last, false));
        assert_eq!(core.own_address(), Some(&"host-1".to_owned()));
        settle(&mut core);
        assert!(core.is_configuration_committed());
        let peers: Vec<NodeId> = core.peers().iter().map(|peer| peer.id).collect();
        assert_eq!((peers, alone().peers()), (vec![2], vec![]));
    }

    #[test]
    fn no_change_leaves_nobody_to_vote_or_names_nobody_or_somebody_twice() {
        let mut core = leader();
        for invalid in [members(&[], &[1]), members(&[0, 1], &[]), members(&[1], &[0]), members(&[1], &[1])] {
            assert_eq!(core.change_members(invalid), Err(ChangeError::Invalid));
        }
    }
}
