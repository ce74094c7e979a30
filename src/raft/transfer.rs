//! Handing leadership over (thesis, section 3.10): by hand, or to a voter of higher priority.

use super::{Body, NodeId, ProposeError, raft::Raft, role::Role};

/// A transfer under way: the leader takes no proposals, brings the target up to date and tells it to campaign.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Transfer {
    target: NodeId,
    told: bool,
    ticks_left: u32,
}

impl Raft {
    /// Hands leadership to another voter. It succeeds when that one is elected; after an election timeout without
    /// that, this node goes on leading.
    ///
    /// # Errors
    /// This node does not lead, or the target is no voter or already the leader: then nothing changes.
    pub fn transfer(&mut self, target: NodeId) -> Result<(), ProposeError> {
        let is_voter = self.shared.configuration().voters.contains(&target);
        let ticks_left = self.shared.options.election_ticks_max;
        if self.transferring() == Some(target) {
            return Ok(());
        }
        match &mut self.role {
            Role::Leader(leader) if is_voter && leader.peers.contains_key(&target) => {
                leader.transfer = Some(Transfer { target, told: false, ticks_left });
            }
            _ => return Err(ProposeError::NotLeader { leader: self.leader() }),
        }
        self.continue_transfer();
        Ok(())
    }

    /// To whom leadership is being handed over.
    pub fn transferring(&self) -> Option<NodeId> {
        let Role::Leader(leader) = &self.role else { return None };
        leader.transfer.map(|transfer| transfer.target)
    }

    /// The voter to which another one would hand leadership back at once, for it has a higher priority, as far as this leader
    /// knows.
    pub fn preferred_to(&self, target: NodeId) -> Option<NodeId> {
        let Role::Leader(leader) = &self.role else { return None };
        let own = (self.id(), Some(self.shared.priority()));
        let known = leader.peers.iter().map(|(&id, progress)| (id, progress.priority)).chain([own]);
        let voters: Vec<_> = known.filter(|(id, _)| self.configuration().voters.contains(id)).collect();
        let (_, of_target) = voters.iter().find(|&&(id, _)| id == target)?;
        let higher = voters.iter().filter(|(_, priority)| of_target.is_some() && priority > of_target);
        higher.max_by_key(|&&(id, priority)| (priority, std::cmp::Reverse(id))).map(|&(id, _)| id)
    }

    /// The node wants to stop. It is nobody's preferred leader any more, and if it leads it hands leadership over, again
    /// and again until somebody has taken it, so that nobody has to notice a silent leader: see [`Raft::may_stop`].
    pub fn leave(&mut self) {
        self.shared.is_leaving = true;
    }

    /// The node's disk stands still, or goes on. As long as it stands still the node is nobody's preferred leader: it would be handed
    /// back at once what it has handed over.
    pub fn set_stalled(&mut self, is_stalled: bool) {
        self.shared.is_stalled = is_stalled;
    }

    /// After [`Raft::leave`] and its effects: whether this node has handed leadership over, or there is nobody to take it.
    pub fn may_stop(&self) -> bool {
        self.shared.is_leaving && self.transferring().is_none()
    }

    /// A leader that leaves picks a successor whenever there is none.
    pub(super) fn continue_leaving(&mut self) {
        if self.shared.is_leaving {
            self.hand_over();
        }
    }

    /// A leader hands over to whoever could take over soonest, unless it is handing over. Returns whom it has picked.
    pub fn hand_over(&mut self) -> Option<NodeId> {
        if self.transferring().is_some() {
            return None;
        }
        let successor = self.successor()?;
        self.transfer(successor).expect("a leader can hand over to a voter that it feeds");
        Some(successor)
    }

    /// Who could take over soonest: of the other voters the one that holds most, and answers.
    pub fn successor(&self) -> Option<NodeId> {
        let Role::Leader(leader) = &self.role else { return None };
        let voters = leader.peers.iter().filter(|&(id, _)| self.configuration().voters.contains(id));
        let best = voters.max_by_key(|(_, peer)| (peer.is_active(), peer.matched, peer.priority));
        best.map(|(&id, _)| id)
    }

    /// Tells the target to campaign, as soon as it holds everything.
    pub(super) fn continue_transfer(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(transfer) = &mut leader.transfer else { return };
        let target = transfer.target;
        let matched = leader.peers.get(&target).map_or(0, |progress| progress.matched);
        if !transfer.told && matched == self.shared.log.last().index {
            transfer.told = true;
            leader.lease.end_for_this_term();
            self.shared.send(target, Body::TimeoutNow);
        }
    }

    pub(super) fn tick_transfer(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        leader.hand_over_ticks = leader.hand_over_ticks.saturating_sub(1);
        match &mut leader.transfer {
            Some(transfer) if transfer.ticks_left == 0 => leader.transfer = None,
            Some(transfer) => transfer.ticks_left -= 1,
            None => self.hand_over_to_priority(),
        }
    }

    /// Looks for a voter of higher priority that holds what is committed. One that turns the lead down is not
    /// asked again for a while, for each attempt holds the proposals up.
    fn hand_over_to_priority(&mut self) {
        const PAUSE_ELECTION_TIMEOUTS: u32 = 10;
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.hand_over_ticks > 0 {
            return;
        }
        let voters = &self.shared.configuration().voters;
        let preferred = leader
            .peers
            .iter()
            .filter(|(id, progress)| {
                let higher = progress.priority.is_some_and(|priority| priority > self.shared.priority());
                let up_to_date =
                    progress.matched >= self.shared.commit && progress.matched >= leader.term_start;
                voters.contains(id) && higher && up_to_date && progress.is_active()
            })
            .max_by_key(|(id, progress)| (progress.priority, std::cmp::Reverse(**id)))
            .map(|(&id, _)| id);
        if let Some(target) = preferred {
            leader.hand_over_ticks = PAUSE_ELECTION_TIMEOUTS * self.shared.options.election_ticks_max;
            self.transfer(target).expect("a leader can hand over to a voter that it feeds");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{AppendOutcome, Configuration, InitialState, Message, Options, Origin, RoleName, Term};

    fn hear(core: &mut Raft, from: NodeId, term: Term, body: Body) {
        core.step(Message { from, to: 1, origin: Origin::default(), term, body });
        if let Some(persist) = core.effects().persist {
            core.persisted(persist.ticket);
        }
    }

    /// Node 1, of priority 1, leads voters 1 to 4 and learner 5. Those in the list have said their priorities.
    fn leader(priorities: &[(NodeId, u32)]) -> Raft {
        let configuration = Configuration { learners: [5].into(), ..Configuration::of([1, 2, 3, 4]) };
        let initial = InitialState { configuration: configuration.into(), ..InitialState::default() };
        let options = Options { priority: 1, ..Options::plain(1) };
        let ticks_max = options.election_ticks_max;
        let mut core = Raft::new(options, initial);
        (0..ticks_max).for_each(|_| core.tick());
        for granted in [Body::PreVoteResponse { granted: true }, Body::VoteResponse { granted: true }] {
            [2, 3].into_iter().for_each(|from| hear(&mut core, from, 1, granted.clone()));
        }
        assert_eq!(core.role(), RoleName::Leader);
        for &(from, priority) in priorities {
            hear(&mut core, from, 1, Body::HeartbeatResponse { round: 0, priority, promise_us: 0 });
        }
        core
    }

    /// What becomes of an entry that others hold, a while after: whether somebody is told to take over.
    fn hands_over(is_durable: bool, holders: &[NodeId], checks: u32) -> bool {
        let mut core = leader(&[]);
        core.propose([[7].into()]).expect("it leads");
        let persist = core.effects().persist.expect("an entry to store");
        let all_say = |core: &mut Raft, who: &[NodeId], body: &Body| {
            for &from in who {
                core.step(Message { from, to: 1, origin: Origin::default(), term: 1, body: body.clone() });
            }
        };
        let outcome = AppendOutcome::Accepted { matched: core.last().index };
        all_say(&mut core, holders, &Body::AppendResponse { outcome, priority: 0 });
        if is_durable {
            core.persisted(persist.ticket);
        }
        let mut sent = core.effects().messages;
        assert_eq!(core.commit() == core.last().index, holders.len() > 1);
        for _ in 0..checks * core.shared.options.election_ticks_max {
            core.tick();
            all_say(&mut core, &[2, 3, 4], &Body::HeartbeatResponse { round: 0, priority: 0, promise_us: 0 });
            sent.extend(core.effects().messages);
        }
        sent.iter().any(|message| message.body == Body::TimeoutNow)
    }

    #[test]
    fn a_leader_whose_disk_stands_still_hands_over() {
        assert!(hands_over(false, &[2, 3, 4], 3));
        assert!(!hands_over(true, &[2, 3, 4], 9));
        assert!(hands_over(false, &[2], 6), "nobody commits anything");
        assert!(!hands_over(false, &[2], 4), "but disks may take their time");
        assert!(!hands_over(true, &[2], 9), "it is not its disk that is missing");
    }

    #[test]
    fn whoever_is_preferred_to_a_voter_has_a_higher_priority_than_it_said() {
        let core = leader(&[(2, 5), (3, 0), (5, 9)]);
        assert_eq!([1, 2, 3].map(|target| core.preferred_to(target)), [Some(2), None, Some(2)]);
        assert_eq!(core.preferred_to(4), None, "it has not said its own");
        assert_eq!(core.preferred_to(5), None, "it has no say");
        assert_eq!(leader(&[(3, 5), (2, 5)]).preferred_to(1), Some(2), "of equal ones the first");
    }
}
