//! Writes of proxies on their way into the log: gathered, proposed together, awaited.

use std::sync::Arc;

use prost::Message as _;

use super::{
    admission::Admission, applier::Waiter, metrics::ProposalMetrics, proposal_clock::ProposalClock,
    reply::ReplySender,
};
use crate::{
    env::{Buggify, Clock, buggify, sometimes},
    kv::Header,
    raft::{ProposeError, Raft},
    wire::{
        self,
        pb::v1::{self, refusal::Reason},
    },
};

pub(super) struct Proposals {
    gathered: Vec<Write>,
    admission: Admission,
    proposal_clock: ProposalClock,
    metrics: ProposalMetrics,
}

struct Write {
    replies: ReplySender,
    request: u64,
    command: v1::Command,
}

impl Proposals {
    /// For a state machine whose latest stamp is this.
    pub(super) fn new(latest_stamp_ms: u64, clock: &Clock) -> Self {
        let proposal_clock = ProposalClock::new(latest_stamp_ms, clock.now());
        Self {
            gathered: Vec::new(),
            admission: Admission::default(),
            proposal_clock,
            metrics: ProposalMetrics::default(),
        }
    }

    /// Gathers a write, or refuses it at once.
    pub(super) fn admit(&mut self, replies: ReplySender, request: u64, command: v1::Command) {
        match wire::kv::validate(&command) {
            Ok(()) => self.gathered.push(Write { replies, request, command }),
            Err(message) => {
                self.metrics.malformed.increment(1);
                replies.refuse(request, Reason::Invalid, message);
            }
        }
    }

    /// Proposes all that was gathered, as far as there is room, stamped with the time. Returns who waits for it.
    pub(super) fn propose(&mut self, core: &mut Raft, clock: &Clock) -> Vec<Waiter> {
        let mut writes = std::mem::take(&mut self.gathered);
        if writes.is_empty() {
            return Vec::new();
        }
        if let Err(refusal) = core.check_proposals() {
            self.refuse(writes, refusal);
            return Vec::new();
        }
        self.admission.log_ends(core.last().index);
        let timestamp_ms = self.proposal_clock.next(clock.unix_ms(), clock.now());
        let mut commands: Vec<_> = writes.iter().map(|write| stamped(&write.command, timestamp_ms)).collect();
        let room = match buggify(Buggify::ProposalsFull) {
            true => 0,
            false => self.admission.room_for(commands.iter().map(|command| command.len())),
        };
        sometimes!(room < writes.len(), ProposalsFull);
        for Write { replies, request, .. } in writes.drain(room..) {
            self.metrics.overloaded.increment(1);
            replies.refuse(request, Reason::Overloaded, "too many proposals wait: try again later");
        }
        commands.truncate(room);
        if writes.is_empty() {
            return Vec::new();
        }
        let bytes = commands.iter().map(|command| command.len()).sum();
        let proposed = core.propose(commands).expect("it was looked whether they can be proposed");
        self.admission.proposed(core.last().index, writes.len(), bytes);
        self.metrics.proposed.increment(writes.len() as u64);
        self.metrics.pending.set(self.admission.count() as f64);
        let term = proposed.term;
        let waiter = |(Write { replies, request, .. }, index)| Waiter { index, term, request, replies };
        writes.into_iter().zip(proposed.first..).map(waiter).collect()
    }

    fn refuse(&self, writes: Vec<Write>, refusal: ProposeError) {
        sometimes!(refusal == ProposeError::Transferring, WriteWhileTransferring);
        self.metrics.not_leader.increment(writes.len() as u64);
        for Write { replies, request, .. } in writes {
            replies.refuse(request, Reason::NotLeader, why(refusal));
        }
    }

    /// Proposes what this node itself wants: nobody waits for it, and if it is lost it is wanted again.
    pub(super) fn propose_own(&mut self, core: &mut Raft, clock: &Clock, operation: v1::command::Operation) {
        let timestamp_ms = self.proposal_clock.next(clock.unix_ms(), clock.now());
        let command = v1::Command { timestamp_ms, stamp: None, operation: Some(operation) };
        let command: Arc<[u8]> = command.encode_to_vec().into();
        let bytes = command.len();
        if core.propose(vec![command]).is_ok() {
            self.admission.proposed(core.last().index, 1, bytes);
            self.metrics.proposed.increment(1);
        }
    }

    /// The state machine stands here.
    pub(super) fn applied(&mut self, header: &Header, clock: &Clock) {
        self.admission.applied(header.applied_index);
        self.metrics.pending.set(self.admission.count() as f64);
        self.proposal_clock.applied(header.timestamp_ms, clock.now());
    }

    /// Nothing that was proposed here waits for its answer.
    pub(super) fn are_all_answered(&self) -> bool {
        self.admission.is_empty()
    }
}

/// The entry's bytes: the command with the leader's time in it.
fn stamped(command: &v1::Command, timestamp_ms: u64) -> Arc<[u8]> {
    let command = v1::Command { timestamp_ms, ..command.clone() };
    command.encode_to_vec().into()
}

fn why(refusal: ProposeError) -> String {
    match refusal {
        ProposeError::NotLeader { leader: Some(leader) } => format!("node {leader} leads"),
        ProposeError::NotLeader { leader: None } => "no leader is known".to_owned(),
        ProposeError::Transferring => "leadership is being handed over".to_owned(),
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use std::time::Duration;

    use super::{super::admission::PROPOSALS_MAX, *};
    use crate::{
        raft::{Configuration, InitialState, Options},
        wire::pb::etcdserverpb::PutRequest,
    };

    /// It leads, and its disk does not take what it proposes: nothing is applied.
    fn leader() -> Raft {
        let configuration = Configuration::of([1]).into();
        let mut core =
            Raft::new(Options::plain(1), InitialState { configuration, ..InitialState::default() });
        for _ in 0..2 * Options::plain(1).election_ticks_max {
            core.tick();
            core.effects().persist.into_iter().for_each(|write| core.persisted(write.ticket));
        }
        assert!(core.is_leader(), "nobody else votes");
        core
    }

    #[test]
    fn as_long_as_there_is_no_room_every_write_is_refused() {
        let (mut core, clock) = (leader(), Clock::new(Duration::ZERO));
        let mut proposals = Proposals::new(0, &clock);
        let (replies, _, _answers) = super::super::reply::channel();
        let put = PutRequest { key: "k".into(), value: "v".into(), ..PutRequest::default() };
        let command =
            v1::Command { operation: Some(v1::command::Operation::Put(put)), ..v1::Command::default() };
        let mut propose = |count: usize| {
            (0..count).for_each(|_| proposals.admit(replies.clone(), 1, command.clone()));
            proposals.propose(&mut core, &clock).len()
        };
        assert_eq!(propose(PROPOSALS_MAX - 1), PROPOSALS_MAX - 1);
        assert_eq!(propose(2), 1);
        assert_eq!([propose(1), propose(1), propose(5)], [0; 3], "what waits is not forgotten");
    }
}
