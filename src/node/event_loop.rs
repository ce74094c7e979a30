//! The task that owns the core: events in, one set of effects out.

use std::{collections::BTreeMap, sync::Arc};

use prost::Message as _;
use tokio::sync::{mpsc, oneshot, watch};
use tonic::Status;

use super::{
    Config, NodeError, admin,
    applier::{Applier, Done, Read, Stage, Waiter, Work},
    backlog::Backlog,
    links::Links,
    log_writer::Writer,
    reply::ReplySender,
    services::Snapshot,
    snapshots::Streams,
};
use crate::{
    env::{Environment, Moment},
    kv::Header,
    raft::{Configuration, Effects, Index, Message, NodeId, ProposeError, Proposed, Raft, Term},
    wire::{
        self,
        pb::v1::{self, refusal::Reason, request::Kind},
    },
};

/// Events taken together, at most: their effects share one write, one message a peer, one read round.
const EVENTS_PER_ROUND_MAX: usize = 256;
/// A node that was removed stays for so many election timeouts: a proxy finds out within them, even if it was just cut off.
const SIGNPOST_ELECTION_TIMEOUTS: u32 = 20;
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
    /// A piece of a snapshot, from the leader of a term.
    Stage(Term, Stage),
    /// An operator asks for other members.
    ChangeMembers(v1::ChangeMembersRequest, Answer<v1::ChangeMembersResponse>),
    /// An operator asks for another leader.
    Transfer(v1::TransferRequest, Answer<v1::TransferResponse>),
    /// The node is to stop: it hands leadership over first, and then says so.
    Leave(oneshot::Sender<()>),
}

/// The way back to whoever asked.
type Answer<T> = oneshot::Sender<Result<T, Status>>;

/// What the node's own parts report.
pub(super) enum Report {
    /// The log's writes up to this ticket are durable.
    Persisted(u64),
    /// The state machine did what was asked.
    Applied(Done),
    /// A snapshot stands at this node, up to this index; or (`None`) it could not be sent.
    SnapshotSent(NodeId, Option<Index>),
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
    pub(super) streams: Streams,
    pub(super) status: watch::Sender<Snapshot>,
}

/// Runs until the node is no member any more, the disk fails or a part is gone. The state machine stands at `header`.
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
        told: (0, 0),
        followed: Arc::default(),
        backlog: Backlog::default(),
        leaving: None,
        ends_at: None,
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
    /// The leadership that they were last told: term and leader.
    told: (u64, NodeId),
    /// The configuration by which there are links.
    followed: Arc<Configuration>,
    /// What is proposed and not yet applied.
    backlog: Backlog,
    /// Who waits for this node to have handed leadership over.
    leaving: Option<oneshot::Sender<()>>,
    /// When the node stops because it is no member any more.
    ends_at: Option<Moment>,
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
        let clock = self.environment.clock.clone();
        let mut tick_at = clock.now() + tick;
        self.follow_configuration();
        loop {
            tokio::select! { biased;
                () = clock.sleep_until(tick_at) => {
                    if self.ends_at.is_some_and(|end| end <= tick_at) {
                        return Ok(());
                    }
                    // A late tick is not made up for: a burst of ticks would look like a silent leader.
                    tick_at = clock.now() + tick;
                    self.core.tick();
                }
                Some(report) = self.parts.reports.recv() => self.on_report(report)?,
                Some(event) = self.parts.events.recv() => self.on_event(event),
                else => return Err(NodeError::Part("service")),
            }
            self.take_waiting()?;
            self.core.set_time(self.environment.clock.elapsed_us());
            self.propose_round();
            self.read_round();
            self.continue_leaving();
            let effects = self.core.effects();
            self.environment.observer.stepped(&self.core, &effects);
            self.follow_configuration();
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
            Report::Applied(Done { header, durable, installed }) => {
                match installed {
                    Some(true) => self.core.installed(),
                    Some(false) => self.core.install_failed(),
                    None => {}
                }
                self.core.state_durable(durable);
                self.backlog.applied(header.applied_index);
                self.header = header;
            }
            Report::SnapshotSent(to, index) => self.core.snapshot_sent(to, index),
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
            Event::Stage(term, stage) if term < self.core.term() => {
                let _ = stage.answer.send(None);
            }
            Event::Stage(_, stage) => {
                let work = Work { stage: Some(stage), term: self.core.term(), ..Work::default() };
                let _ = self.parts.applier.send(work);
            }
            Event::ChangeMembers(request, answer) => {
                let _ = answer.send(admin::change_members(&mut self.core, &request));
            }
            Event::Transfer(request, answer) => {
                let _ = answer.send(admin::transfer(&mut self.core, &request));
            }
            Event::Leave(left) => self.leave(left),
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
        let mut writes = std::mem::take(&mut self.round.writes);
        let timestamp_ms = self.environment.clock.unix_ms();
        let mut commands: Vec<_> =
            writes.iter().map(|(_, _, command)| stamped(command, timestamp_ms)).collect();
        let room = self.backlog.room_for(commands.iter().map(|command| command.len()));
        for (replies, request, _) in writes.drain(room..) {
            replies.refuse(request, Reason::Overloaded, "too many proposals wait: try again later");
        }
        commands.truncate(room);
        let bytes = commands.iter().map(|command| command.len()).sum();
        match self.core.propose(commands) {
            Ok(proposed) => {
                self.backlog.proposed(self.core.last().index, writes.len(), bytes);
                self.await_entries(&writes, proposed);
            }
            Err(refusal) => {
                for (replies, request, _) in &writes {
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
        for wanted in effects.snapshots {
            work.views.extend(self.parts.streams.begin(wanted));
        }
        work.install = effects.install;
        if !work.is_empty() {
            self.parts.applier.send(work).map_err(|_| NodeError::Part("applier"))?;
        }
        Ok(())
    }

    /// Tells the services where the node stands, and the proxies who leads, if that is news.
    fn publish(&mut self) {
        self.parts.status.send_replace(Snapshot::of(&self.core, &self.header, &self.followed));
        let now = (self.core.term(), self.core.leader().unwrap_or(0));
        if self.told != now {
            self.told = now;
            self.tell_sessions();
        }
    }

    fn tell_sessions(&mut self) {
        let leadership = self.leadership();
        self.sessions.retain(|session| session.lead(leadership.clone()));
    }

    fn leadership(&self) -> v1::Leadership {
        let addresses = self.followed.addresses.clone().into_iter();
        v1::Leadership {
            term: self.core.term(),
            leader: self.core.leader().unwrap_or(0),
            node: self.core.id(),
            members: addresses.map(|(id, address)| v1::MemberAddress { id, address }).collect(),
        }
    }
}

/// Coming and going.
impl EventLoop {
    /// The links and the proxies follow the configuration in force. A node that left for good stops, a little later: till
    /// then it tells proxies that know nobody else where the members are.
    fn follow_configuration(&mut self) {
        let farewell = self.core.farewell();
        let configuration = farewell.unwrap_or(self.core.configuration());
        let has_left = farewell.is_some();
        if self.followed != *configuration {
            self.followed = configuration.clone();
            self.parts.links.follow(&self.followed);
            self.tell_sessions();
        }
        if has_left && self.ends_at.is_none() {
            tracing::info!(
                node = self.core.id(),
                "this node was removed from the cluster and stops: its data can be deleted"
            );
            self.ends_at = Some(
                self.environment.clock.now()
                    + self.config.timing.election_timeout * SIGNPOST_ELECTION_TIMEOUTS,
            );
        }
    }

    /// A node that leaves is nobody's preferred leader.
    fn leave(&mut self, left: oneshot::Sender<()>) {
        self.core.set_priority(0);
        self.leaving = Some(left);
    }

    /// Hands leadership over, and waits until what was proposed here has its answers.
    fn continue_leaving(&mut self) {
        if self.leaving.is_none() {
            return;
        }
        if let (None, Some(successor)) = (self.core.transferring(), self.core.successor()) {
            let _ = self.core.transfer(successor);
        }
        let is_alone = self.core.is_leader() && self.core.transferring().is_none();
        let has_left = !self.core.is_leader() && self.backlog.is_empty();
        if (is_alone || has_left)
            && let Some(left) = self.leaving.take()
        {
            let _ = left.send(());
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
