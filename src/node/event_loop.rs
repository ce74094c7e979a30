//! The task that owns the core: events in, one set of effects out.

use std::{collections::BTreeMap, sync::Arc};

use prost::Message as _;
use tokio::sync::{mpsc, watch};

use super::{
    Config, Environment, NodeError,
    applier::{Applier, Read, Waiter, Work},
    links::Links,
    log_writer::Writer,
    reply::ReplySender,
    services::Snapshot,
    wire,
};
use crate::{
    kv::Header,
    raft::{Effects, Index, Message, ProposeError, Proposed, Raft},
    rpc::pb::v1::{self, refusal::Reason, request::Kind},
};

/// Events taken together, at most: their effects share one write, one message a peer, one read round.
const EVENTS_PER_ROUND_MAX: usize = 256;
/// Proposals that may be in the log and not yet applied. More would only wait longer; their proxies hear so at once.
const PROPOSALS_MAX: Index = 20_000;
/// Linearizable reads that may wait to be confirmed.
const READS_MAX: usize = 20_000;

/// What comes from outside of the node.
pub(super) enum Event {
    /// Messages of a peer.
    Messages(Vec<Message>),
    /// A proxy's stream is open: it wants to know who leads, now and from now on.
    Joined(ReplySender),
    /// Requests of a proxy.
    Requests(ReplySender, Vec<v1::Request>),
}

/// What the node's own parts report.
pub(super) enum Report {
    /// The log's writes up to this ticket are durable.
    Persisted(u64),
    /// The state machine stands here.
    Applied(Header),
    /// The disk failed: the node must stop.
    Failed(NodeError),
}

/// The parts that the event loop works with.
pub(super) struct Parts {
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
    pub(super) links: Links,
    pub(super) writer: Writer,
    pub(super) applier: Applier,
    pub(super) status: watch::Sender<Snapshot>,
}

/// Runs until the disk fails or a part is gone. The state machine stands at `header`.
pub(super) async fn run(
    core: Raft,
    config: Config,
    environment: Environment,
    header: Header,
    parts: Parts,
) -> Result<(), NodeError> {
    let event_loop = EventLoop {
        core,
        config,
        environment,
        parts,
        header,
        round: Round::default(),
        reads: BTreeMap::new(),
        sessions: Vec::new(),
        told: v1::Leadership::default(),
    };
    event_loop.run().await
}

struct EventLoop {
    core: Raft,
    config: Config,
    environment: Environment,
    parts: Parts,
    /// Where the state machine stands.
    header: Header,
    round: Round,
    /// Reads that wait for the core's word, by the name it gave them.
    reads: BTreeMap<u64, Vec<Read>>,
    /// The open streams of proxies, in the order in which they came.
    sessions: Vec<ReplySender>,
    /// The leadership that they were last told.
    told: v1::Leadership,
}

/// What one round of the loop gathered for the core and the applier.
#[derive(Default)]
struct Round {
    writes: Vec<(ReplySender, u64, v1::Command)>,
    reads: Vec<Read>,
    local_reads: Vec<Read>,
}

impl EventLoop {
    async fn run(mut self) -> Result<(), NodeError> {
        let tick = self.config.timing.tick();
        let mut tick_at = tokio::time::Instant::now() + self.environment.clock.true_span(tick);
        loop {
            tokio::select! { biased;
                () = tokio::time::sleep_until(tick_at) => {
                    // A late tick is not made up for: a burst of ticks would look like a silent leader.
                    tick_at = tokio::time::Instant::now() + self.environment.clock.true_span(tick);
                    self.core.tick();
                }
                Some(report) = self.parts.reports.recv() => self.on_report(report)?,
                Some(event) = self.parts.events.recv() => self.on_event(event),
                else => return Err(NodeError::Part("service")),
            }
            self.take_waiting()?;
            self.propose_round();
            self.read_round();
            let effects = self.core.effects();
            self.environment.observer.stepped(&self.core, &effects);
            self.carry_out(effects)?;
            self.publish();
        }
    }

    /// Takes what else is there already.
    fn take_waiting(&mut self) -> Result<(), NodeError> {
        for _ in 0..EVENTS_PER_ROUND_MAX {
            if let Ok(report) = self.parts.reports.try_recv() {
                self.on_report(report)?;
            } else if let Ok(event) = self.parts.events.try_recv() {
                self.on_event(event);
            } else {
                break;
            }
        }
        Ok(())
    }

    fn on_report(&mut self, report: Report) -> Result<(), NodeError> {
        match report {
            Report::Persisted(ticket) => self.core.persisted(ticket),
            Report::Applied(header) => self.header = header,
            Report::Failed(error) => return Err(error),
        }
        Ok(())
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Messages(messages) => messages.into_iter().for_each(|message| self.core.step(message)),
            Event::Joined(replies) => {
                if replies.lead(self.leadership()) {
                    self.sessions.push(replies);
                }
            }
            Event::Requests(replies, requests) => {
                for request in requests {
                    self.admit(replies.clone(), request);
                }
            }
        }
    }

    /// Lets a request into this round, or refuses it at once.
    fn admit(&mut self, replies: ReplySender, request: v1::Request) {
        match request.kind {
            Some(Kind::Write(command)) => match wire::kv::validate(&command) {
                Ok(()) => self.round.writes.push((replies, request.id, command)),
                Err(message) => replies.refuse(request.id, Reason::Invalid, message),
            },
            Some(Kind::Read(range)) => {
                let read = Read { request: request.id, range, replies };
                match read.range.serializable {
                    true => self.round.local_reads.push(read),
                    false => self.round.reads.push(read),
                }
            }
            None => {
                replies.refuse(request.id, Reason::Invalid, "the request names neither a read nor a write")
            }
        }
    }

    /// Proposes all writes of the round together.
    fn propose_round(&mut self) {
        if self.round.writes.is_empty() {
            return;
        }
        let writes = std::mem::take(&mut self.round.writes);
        let room = PROPOSALS_MAX.saturating_sub(self.core.last().index - self.header.applied_index) as usize;
        let (writes, excess) = writes.split_at(room.min(writes.len()));
        for (replies, request, _) in excess {
            replies.refuse(*request, Reason::Overloaded, "too many proposals wait: try again later");
        }
        let timestamp_ms = self.environment.clock.unix_ms();
        let commands = writes.iter().map(|(_, _, command)| stamped(command, timestamp_ms));
        match self.core.propose(commands) {
            Ok(proposed) => self.await_entries(writes, proposed),
            Err(refusal) => {
                for (replies, request, _) in writes {
                    refuse_proposal(replies, *request, refusal);
                }
            }
        }
    }

    /// The applier hears of those who wait before it can hear of their entries.
    fn await_entries(&mut self, writes: &[(ReplySender, u64, v1::Command)], proposed: Proposed) {
        let waiters = writes.iter().zip(proposed.first..).map(|((replies, request, _), index)| Waiter {
            index,
            term: proposed.term,
            request: *request,
            replies: replies.clone(),
        });
        let work = Work { waiters: waiters.collect(), term: self.core.term(), ..Work::default() };
        let _ = self.parts.applier.send(work);
    }

    /// Asks the core once for all linearizable reads of the round.
    fn read_round(&mut self) {
        if self.round.reads.is_empty() {
            return;
        }
        let reads = std::mem::take(&mut self.round.reads);
        let waiting: usize = self.reads.values().map(Vec::len).sum();
        if waiting + reads.len() > READS_MAX {
            refuse_reads(reads, Reason::Overloaded, "too many reads wait: try again later");
            return;
        }
        match self.core.read() {
            Some(name) => {
                self.reads.insert(name, reads);
            }
            None => refuse_reads(reads, Reason::NotLeader, "no leader is known"),
        }
    }

    fn carry_out(&mut self, effects: Effects) -> Result<(), NodeError> {
        if let Some(persist) = effects.persist {
            self.parts.writer.send(persist).map_err(|_| NodeError::Part("log writer"))?;
        }
        self.parts.links.send(effects.messages);
        for name in effects.reads_failed {
            let reads = self.reads.remove(&name).unwrap_or_default();
            refuse_reads(reads, Reason::NotLeader, "leadership changed before the read was confirmed");
        }
        let mut work = Work { entries: effects.committed, term: self.core.term(), ..Work::default() };
        for ready in effects.reads {
            if let Some(reads) = self.reads.remove(&ready.id) {
                work.reads.push((ready.index, reads));
            }
        }
        if !self.round.local_reads.is_empty() {
            work.reads.push((0, std::mem::take(&mut self.round.local_reads)));
        }
        if !work.entries.is_empty() || !work.reads.is_empty() {
            self.parts.applier.send(work).map_err(|_| NodeError::Part("applier"))?;
        }
        Ok(())
    }

    /// Tells the services where the node stands, and the proxies who leads, if that is news.
    fn publish(&mut self) {
        self.parts.status.send_replace(Snapshot::of(&self.core, &self.header));
        let leadership = self.leadership();
        if self.told != leadership {
            self.told = leadership;
            self.sessions.retain(|session| session.lead(leadership));
        }
    }

    fn leadership(&self) -> v1::Leadership {
        v1::Leadership {
            term: self.core.term(),
            leader: self.core.leader().unwrap_or(0),
            node: self.core.id(),
        }
    }
}

/// The entry's bytes: the command with the leader's time in it.
fn stamped(command: &v1::Command, timestamp_ms: u64) -> Arc<[u8]> {
    let command = v1::Command { timestamp_ms, ..command.clone() };
    command.encode_to_vec().into()
}

fn refuse_proposal(replies: &ReplySender, request: u64, refusal: ProposeError) {
    let message = match refusal {
        ProposeError::NotLeader { leader: Some(leader) } => format!("node {leader} leads"),
        ProposeError::NotLeader { leader: None } => "no leader is known".to_owned(),
        ProposeError::Transferring => "leadership is being handed over".to_owned(),
    };
    replies.refuse(request, Reason::NotLeader, message);
}

fn refuse_reads(reads: Vec<Read>, reason: Reason, message: &str) {
    for read in reads {
        read.replies.refuse(read.request, reason, message);
    }
}
