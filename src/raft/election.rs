//! Elections: pre-vote (thesis, section 9.6), vote (section 5.2), and the leader's check that it still has a quorum.

use super::{
    Body, Index, NodeId, Payload, Position, RoleName, Term, Vote,
    quorum::{Tally, is_quorum, tally},
    raft::{Raft, Shared},
    role::{Candidacy, Leader, Role},
};

impl Raft {
    pub(super) fn campaign_if_overdue(&mut self) {
        // A promise of an earlier life may last longer than this one's election timeout.
        if self.shared.elapsed_ticks < self.shared.election_ticks || self.shared.lease_promise_ticks > 0 {
            return;
        }
        match self.may_campaign() {
            true => self.pre_campaign(),
            // It does not vote for leaders, but must not protect one that is gone.
            false => {
                self.become_follower(self.term(), None);
                self.request_pre_votes();
            }
        }
    }

    /// Only voters campaign. A voter that uncommitted changes remove still may: its log may be the only complete one, and
    /// without it the changes themselves could never commit. One whose log is on its way out lacks what is committed.
    fn may_campaign(&self) -> bool {
        let id = self.shared.options.id;
        if self.removed_by().is_some() || self.shared.log_is_replaced() {
            return false;
        }
        self.shared.possible_configurations().any(|possible| possible.is_voter(id))
    }

    /// Asks whether an election could be won, before it disturbs anybody with a new term.
    fn pre_campaign(&mut self) {
        self.transition(Role::PreCandidate(Candidacy::default()));
        self.request_pre_votes();
        self.count(self.shared.options.id, true);
    }

    /// From a learner this asks only whether anybody is there, and whether it is still a member. Who joins, and has no configuration
    /// yet, knows nobody to ask but the leader that it heard last.
    fn request_pre_votes(&mut self) {
        if self.removed_by().is_some() {
            return;
        }
        let last = self.shared.log.last();
        let joins = self.configuration().members().next().is_none();
        let asked = if joins { self.shared.last_leader.into_iter().collect() } else { self.shared.peers() };
        for peer in asked {
            self.shared.send(peer, Body::PreVoteRequest { last });
            let request = self.shared.out.messages.last_mut().expect("just sent");
            request.term += 1;
        }
    }

    /// Stands for election in a new term. The requests promise the candidate's own vote, so they wait for the disk;
    /// nor does that vote count before (a single voter would lead a term that a crash makes it forget).
    fn campaign(&mut self, leadership_transfer: bool) {
        let id = self.shared.options.id;
        self.shared.set_vote(Vote { term: self.term() + 1, candidate: Some(id) });
        self.transition(Role::Candidate(Candidacy::default()));
        let last = self.shared.log.last();
        for peer in self.shared.peers() {
            self.shared.promise(peer, Body::VoteRequest { last, leadership_transfer });
        }
    }

    /// The candidate's own vote counts from the moment it is durable.
    pub(super) fn count_own_vote(&mut self) {
        if self.role() == RoleName::Candidate && self.shared.writes.is_vote_durable() {
            self.count(self.shared.options.id, true);
        }
    }

    /// A voter that hears from a leader lets nobody depose it: a node that comes back from a partition, or was
    /// removed, disturbs nobody.
    pub(super) fn protects_leader(&self) -> bool {
        self.shared.lease_promise_ticks > 0 || self.hears_leader()
    }

    /// A leader was heard within the shortest election timeout, or this is one.
    pub(super) fn hears_leader(&self) -> bool {
        match &self.role {
            Role::Leader(_) => true,
            Role::Follower(follower) => {
                follower.leader.is_some()
                    && self.shared.elapsed_ticks < self.shared.options.election_ticks_min
            }
            Role::PreCandidate(_) | Role::Candidate(_) => false,
        }
    }

    pub(super) fn on_pre_vote_request(&mut self, from: NodeId, term: Term, last: Position) {
        if let Some(configuration) = self.shared.configuration_without(from).cloned() {
            return self.shared.send(from, Body::Removed { configuration });
        }
        let granted = term > self.term() && !self.protects_leader() && last >= self.shared.log.last();
        self.shared.send(from, Body::PreVoteResponse { granted });
        if granted {
            self.shared.out.messages.last_mut().expect("just sent").term = term;
        }
    }

    pub(super) fn on_pre_vote_response(&mut self, from: NodeId, term: Term, granted: bool) {
        // A grant speaks of the term that would be entered: an older one belongs to an earlier ballot.
        let of_this_ballot = !granted || term == self.term() + 1;
        if self.role() == RoleName::PreCandidate && of_this_ballot {
            self.count(from, granted);
        }
    }

    pub(super) fn on_vote_request(&mut self, from: NodeId, last: Position, leadership_transfer: bool) {
        let promised = self.shared.lease_promise_ticks > 0 && !leadership_transfer;
        let free = match self.shared.vote.candidate {
            None => self.leader().is_none(),
            Some(candidate) => candidate == from,
        };
        let granted = free && !promised && last >= self.shared.log.last();
        if granted {
            self.shared.set_vote(Vote { term: self.term(), candidate: Some(from) });
            self.shared.elapsed_ticks = 0;
            self.shared.promise(from, Body::VoteResponse { granted });
        } else {
            self.shared.send(from, Body::VoteResponse { granted });
        }
    }

    pub(super) fn on_vote_response(&mut self, from: NodeId, granted: bool) {
        if self.role() == RoleName::Candidate {
            self.count(from, granted);
        }
    }

    /// Counts a vote in the present ballot, and acts when it is decided. The vote of a node that is no member counts for
    /// nothing: it was one when it was asked, or is a stranger.
    fn count(&mut self, from: NodeId, granted: bool) {
        if !self.configuration().contains(from) {
            return;
        }
        let (Role::PreCandidate(candidacy) | Role::Candidate(candidacy)) = &mut self.role else { return };
        candidacy.votes.entry(from).or_insert(granted);
        let outcome = tally(self.shared.configuration(), |id| candidacy.votes.get(&id).copied());
        match (outcome, self.role()) {
            (Tally::Open, _) => {}
            (Tally::Lost, _) => self.become_follower(self.term(), None),
            (Tally::Won, RoleName::PreCandidate) => self.campaign(false),
            (Tally::Won, _) => self.become_leader(),
        }
    }

    /// The leader's first entry commits all that it inherits; until then it serves no reads. The very first leader
    /// enters the founding configuration into the log: whoever joins later finds it there. That of a restored cluster enters which
    /// directories elected it.
    fn become_leader(&mut self) {
        let last: Index = self.shared.log.last().index;
        let leader = Leader::new(self.shared.peers(), last, self.shared.options.election_ticks_max);
        self.transition(Role::Leader(leader));
        let first = match self.shared.configuration_index() {
            0 => Payload::Configuration(self.shared.founding_configuration()),
            _ => self.shared.first_records().map_or(Payload::Noop, Payload::Configuration),
        };
        self.shared.append_own(first);
        self.broadcast_heartbeat();
    }

    /// The previous leader hands over: no pre-vote, for the voters still hear from that leader.
    pub(super) fn on_timeout_now(&mut self) {
        if self.role() == RoleName::Follower && self.may_campaign() {
            self.campaign(true);
        }
    }

    /// A leader that a quorum no longer answers steps down, so that its clients go elsewhere. One whose own disk stands still hands
    /// over.
    pub(super) fn check_quorum(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        leader.quorum_check_ticks += 1;
        if leader.quorum_check_ticks < self.shared.options.election_ticks_max {
            return;
        }
        leader.quorum_check_ticks = 0;
        let own = self.shared.options.id;
        let answered =
            |id| id == own || leader.peers.get(&id).is_some_and(|progress| progress.recently_active);
        let has_quorum = is_quorum(self.shared.configuration(), answered);
        for progress in leader.peers.values_mut() {
            progress.check_activity();
        }
        let is_stalled = leader.stands_still(&self.shared);
        if !has_quorum {
            self.become_follower(self.term(), None);
        } else if is_stalled {
            self.hand_over();
        }
    }
}

/// A leader's own disk may take so many checks for nothing before it hands over, if nothing is committed that the disk lacks.
const STALLED_CHECKS_MAX: u32 = 4;

impl Leader {
    /// Looks whether its own disk has stood still since the last check, though the log has more: it applies nothing that is not durable
    /// there, and answers nobody, however much the others commit. If they commit nothing it may be the one that is missing: others that
    /// it does not reach may reach each other.
    fn stands_still(&mut self, shared: &Shared) -> bool {
        let durable = shared.writes.durable();
        let checks = match self.stalled {
            Some((before, checks)) if before == durable => checks + 1,
            _ => 0,
        };
        self.stalled = (durable < shared.log.last().index).then_some((durable, checks));
        let checks_min = if durable < shared.commit { 1 } else { STALLED_CHECKS_MAX };
        self.stalled.is_some() && checks >= checks_min
    }
}

#[cfg(test)]
mod tests {
    use crate::raft::{Body, InitialState, Message, Options, Origin, Position, Raft, Vote};

    fn voted(vote: Vote) -> Raft {
        Raft::new(Options::plain(1), InitialState { vote, ..InitialState::default() })
    }

    #[test]
    fn who_joins_and_hears_nobody_any_more_asks_the_leader_that_it_heard() {
        let heartbeat = |from, term| {
            let body = Body::HeartbeatRequest { round: 1, commit: 0 };
            Message { from, to: 1, origin: Origin::default(), term, body }
        };
        let request = Body::VoteRequest { last: Position::default(), leadership_transfer: false };
        let request = Message { body: request, ..heartbeat(2, 4) };
        // It hears of the term from the leader itself; or knows the term before, from its disk or from a candidate.
        let joining = || voted(Vote::default());
        let restarted = || voted(Vote { term: 3, candidate: None });
        for (mut core, heard, leader) in [
            (joining(), vec![heartbeat(5, 3)], 5),
            (restarted(), vec![heartbeat(5, 3)], 5),
            (joining(), vec![heartbeat(5, 3), request, heartbeat(2, 4)], 2),
        ] {
            heard.into_iter().for_each(|message| core.step(message));
            let mut asked = Vec::new();
            for _ in 0..4 * Options::plain(1).election_ticks_max {
                let effects = core.effects();
                effects.persist.into_iter().for_each(|write| core.persisted(write.ticket));
                asked.extend(effects.messages);
                core.tick();
            }
            let asks = |message: &&Message| matches!(message.body, Body::PreVoteRequest { .. });
            let asked: Vec<_> = asked.iter().filter(asks).map(|message| message.to).collect();
            assert!(asked.len() > 1 && asked.iter().all(|id| *id == leader), "{asked:?}");
        }
    }

    #[test]
    fn a_vote_is_cast_once_a_term_and_may_be_said_again() {
        let mut core = voted(Vote { term: 3, candidate: None });
        let vote = Vote { term: 3, candidate: Some(2) };
        core.shared.set_vote(vote);
        core.shared.set_vote(vote);
        core.shared.set_vote(Vote { term: 4, candidate: Some(3) });
        assert_eq!(core.vote(), Vote { term: 4, candidate: Some(3) });
    }

    #[test]
    #[should_panic(expected = "a vote never changes within a term")]
    fn a_vote_for_another_candidate_is_a_bug() {
        voted(Vote { term: 3, candidate: Some(2) }).shared.set_vote(Vote { term: 3, candidate: Some(3) });
    }

    #[test]
    #[should_panic(expected = "a vote never changes within a term")]
    fn a_vote_in_an_earlier_term_is_a_bug() {
        voted(Vote { term: 3, candidate: None }).shared.set_vote(Vote { term: 2, candidate: Some(2) });
    }
}
