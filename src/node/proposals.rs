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
        if self.gathered.is_empty() {
            return Vec::new();
        }
        let timestamp_ms = self.proposal_clock.next(clock.unix_ms(), clock.now());
        let mut writes = std::mem::take(&mut self.gathered);
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
        let bytes = commands.iter().map(|command| command.len()).sum();
        match core.propose(commands) {
            Ok(proposed) => {
                self.admission.proposed(core.last().index, writes.len(), bytes);
                self.metrics.proposed.increment(writes.len() as u64);
                self.metrics.pending.set(self.admission.count() as f64);
                let term = proposed.term;
                let waiter =
                    |(Write { replies, request, .. }, index)| Waiter { index, term, request, replies };
                writes.into_iter().zip(proposed.first..).map(waiter).collect()
            }
            Err(refusal) => {
                sometimes!(refusal == ProposeError::Transferring && room > 0, WriteWhileTransferring);
                for Write { replies, request, .. } in writes {
                    self.metrics.not_leader.increment(1);
                    replies.refuse(request, Reason::NotLeader, why(refusal));
                }
                Vec::new()
            }
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
