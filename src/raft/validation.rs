//! What a message must be, to be believed.
//!
//! The core trusts its peers to follow the protocol, but not that everything that arrives comes from such a peer: addresses
//! are mixed up, a node is started with another one's data, a program has a bug. What cannot be said by a node that follows
//! the protocol is refused before anything else looks at it: it changes nothing, and the outside is told
//! ([`super::Effects::refused`]). So nothing that arrives can break an assertion of the core: those are about its own
//! mistakes. (A lie that could be true is not noticed: the protocol is not Byzantine.)
//!
//! A node that is a member by no configuration known here may be a leader or a candidate by one that this node has yet to learn
//! of, and must be heard then. It may also have been removed, or be mistaken, and must not unseat the leader. So its later term
//! counts only where no leader is heard: a leader that others have replaced is heard no more within two election timeouts,
//! for a quorum of its own followers no longer answers it.

use super::{
    AppendOutcome, Body, Configuration, Entry, Message, NodeId, Origin, Position, Refusal, Snapshot, Term,
    incarnation::is_counted, raft::Raft, role::Role,
};

/// A message of a term further ahead is refused. At ten elections a second it takes three thousand years to get there, and
/// whoever forges terms has to do it a million times until they run out.
const TERM_JUMP_MAX: Term = 1 << 40;
/// Terms beyond this are refused, and indexes: one more can always be added to them.
const NUMBER_MAX: u64 = 1 << 62;

impl Raft {
    /// Whether a message may be true. One of an earlier term is answered or dropped whatever it says.
    pub(super) fn validate(&self, message: &Message) -> Result<(), Refusal> {
        let Message { from, to, origin, term, ref body } = *message;
        if to != self.id() {
            return Err(Refusal::NotForThisNode { to });
        }
        self.validate_origin(from, origin)?;
        if from == self.id() || from == 0 {
            return Err(Refusal::ImpossibleSender);
        }
        if term > NUMBER_MAX || term.saturating_sub(self.term()) > TERM_JUMP_MAX {
            return Err(Refusal::TermTooFar);
        }
        if let Body::Removed { configuration } = body {
            let says_so = configuration.gone.contains(&to) && self.may_be_of_cluster(configuration);
            return if says_so { Ok(()) } else { Err(Refusal::NotRemoved) };
        }
        if term < self.term() {
            return Ok(());
        }
        if is_of_leader(body) && term == self.term() {
            self.validate_leader(from)?;
        }
        if self.is_stranger(from) {
            self.validate_stranger(term, body)?;
        }
        match body {
            Body::AppendRequest { previous, entries, .. } => self.validate_append(term, *previous, entries),
            Body::InstallSnapshot { snapshot, .. } => self.validate_snapshot(term, snapshot),
            Body::HeartbeatRequest { commit, .. } if *commit > self.last().index => {
                Err(Refusal::CommitBeyondLog { commit: *commit })
            }
            _ => self.validate_answer(from, term, body),
        }
    }

    /// Who knows its cluster believes nobody of another, and nobody who has lost what it promised.
    fn validate_origin(&self, from: NodeId, origin: Origin) -> Result<(), Refusal> {
        let own = self.origin();
        let is_of_another = own.is_certain && origin.is_certain && origin.cluster != own.cluster;
        if is_of_another {
            return Err(Refusal::OtherCluster { cluster: origin.cluster });
        }
        match self.shared.is_exchanged(from, origin.incarnation) {
            true => Err(Refusal::OtherIncarnation),
            false => Ok(()),
        }
    }

    /// A node without members, which joins, takes nobody for a stranger; nor is the leader one that was heard as such.
    pub(super) fn is_stranger(&self, from: NodeId) -> bool {
        let knows_members = !self.configuration().voters.is_empty();
        knows_members && !self.shared.may_be_member(from) && self.leader() != Some(from)
    }

    /// What is no answer of a later term may be a leader's that this node does not know yet. Votes granted count for nothing, and
    /// a question changes nothing.
    fn validate_stranger(&self, term: Term, body: &Body) -> Result<(), Refusal> {
        let is_harmless =
            matches!(body, Body::PreVoteRequest { .. } | Body::PreVoteResponse { granted: true });
        let unseats = term > self.term() && (is_answer(body) || self.hears_leader());
        match !is_harmless && (unseats || matches!(body, Body::TimeoutNow)) {
            true => Err(Refusal::Stranger),
            false => Ok(()),
        }
    }

    /// Whether a message is listened to. A node that has yet to learn to which cluster it belongs may answer, and ask whether it
    /// is still a member, which changes nothing here: it may be a founder that nothing has reached yet, or of another cluster.
    /// One that holds the founding entry, and has not heard that it is committed, may all that a member may. What counts
    /// towards a quorum is listened to from those on record only.
    pub(super) fn listens_to(&self, Message { from, origin, body, .. }: &Message) -> bool {
        let own = self.origin();
        let is_unknown = own.is_certain && origin.cluster != own.cluster;
        match is_answer(body) {
            true => self.shared.is_recorded(*from) || !is_counted(body),
            false => !is_unknown || matches!(body, Body::PreVoteRequest { .. }),
        }
    }

    fn validate_leader(&self, from: NodeId) -> Result<(), Refusal> {
        match self.leader() {
            Some(leader) if leader != from => Err(Refusal::SecondLeader { leader }),
            _ => Ok(()),
        }
    }

    /// A configuration that makes sense, and not another cluster's.
    fn may_be_of_cluster(&self, configuration: &Configuration) -> bool {
        let own = self.origin();
        configuration.flaw().is_none() && (!own.is_certain || configuration.cluster == own.cluster)
    }

    /// Consecutive entries after `previous`, in terms that never fall and are not later than the leader's, and none that
    /// differs from what is committed here: a leader holds all of that (section 5.4).
    fn validate_append(&self, term: Term, previous: Position, entries: &[Entry]) -> Result<(), Refusal> {
        let is_half_missing = (previous.term == 0) != (previous.index == 0);
        if is_half_missing || previous.index > NUMBER_MAX {
            return Err(Refusal::BrokenEntries);
        }
        let mut before = previous;
        for entry in entries {
            let follows = entry.index == before.index + 1 && entry.term >= before.term.max(1);
            if !follows
                || entry.configuration().is_some_and(|configuration| !self.may_be_of_cluster(configuration))
            {
                return Err(Refusal::BrokenEntries);
            }
            before = entry.position();
        }
        if before.term > term {
            return Err(Refusal::BrokenEntries);
        }
        let positions = std::iter::once(previous).chain(entries.iter().map(Entry::position));
        let mut committed = positions.take_while(|position| position.index <= self.commit());
        match committed.find(|&position| self.shared.log.contradicts(position)) {
            Some(Position { index, .. }) => Err(Refusal::ContradictsCommitted { index }),
            None => Ok(()),
        }
    }

    fn validate_snapshot(&self, term: Term, snapshot: &Snapshot) -> Result<(), Refusal> {
        let Snapshot { last, configuration } = snapshot;
        let stands_for_something =
            last.index > 0 && last.term > 0 && last.index <= NUMBER_MAX && last.term <= term;
        match stands_for_something && self.may_be_of_cluster(configuration) {
            true => Ok(()),
            false => Err(Refusal::BrokenSnapshot),
        }
    }

    /// Answers to what this node asked in its present role and term; others are late, and not listened to.
    fn validate_answer(&self, from: NodeId, term: Term, body: &Body) -> Result<(), Refusal> {
        match (&self.role, body) {
            _ if term > self.term() => Ok(()),
            (Role::Leader(_), Body::AppendResponse { outcome: AppendOutcome::Accepted { matched }, .. })
                if *matched > self.last().index =>
            {
                Err(Refusal::AckBeyondLog { matched: *matched })
            }
            (Role::Leader(leader), Body::HeartbeatResponse { round, .. })
                if *round > leader.rounds.latest() =>
            {
                Err(Refusal::UnknownRound { round: *round })
            }
            // Who led an earlier term says that it can confirm nothing, in the term of another leader.
            (Role::Follower(_), Body::ReadIndexResponse { index: Some(_), .. }) => self.validate_leader(from),
            _ => Ok(()),
        }
    }
}

fn is_answer(body: &Body) -> bool {
    matches!(
        body,
        Body::PreVoteResponse { .. }
            | Body::VoteResponse { .. }
            | Body::AppendResponse { .. }
            | Body::HeartbeatResponse { .. }
            | Body::SnapshotRejected { .. }
            | Body::ReadIndexResponse { .. }
            | Body::Removed { .. }
    )
}

/// Only the leader of the message's term says this.
fn is_of_leader(body: &Body) -> bool {
    matches!(
        body,
        Body::AppendRequest { .. }
            | Body::HeartbeatRequest { .. }
            | Body::InstallSnapshot { .. }
            | Body::TimeoutNow
    )
}

#[cfg(test)]
mod tests;
