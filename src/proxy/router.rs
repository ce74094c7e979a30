//! The task that knows who leads and what is outstanding. Every call gets exactly one answer, in whatever way the
//! cluster changes under it.

use std::{collections::BTreeMap, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};
use tonic::{Code, Status};

use super::{
    link::{Dialer, News, Outbox},
    session::Session,
};
use crate::{
    env::Moment,
    rpc::link::{Link, LinkEvent},
    wire::{
        self,
        pb::{
            etcdserverpb::RangeRequest,
            v1::{self, command, refusal::Reason, reply, request},
        },
    },
};

/// Calls that may be outstanding. More would only wait longer; their clients hear so at once.
const OUTSTANDING_MAX: usize = 16_384;
/// How often deadlines are looked at, and refused requests tried again.
const SWEEP_INTERVAL: Duration = Duration::from_millis(10);
/// Calls taken together.
const CALLS_PER_ROUND_MAX: usize = 1024;

/// The one answer to a call.
pub(super) type Answer = Result<reply::Outcome, Status>;

/// One call of a client.
pub(super) struct Call {
    pub(super) operation: Operation,
    pub(super) deadline: Moment,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What a client asks for.
pub(super) enum Operation {
    /// A read, linearizable unless it says serializable.
    Read(RangeRequest),
    /// A write.
    Write(command::Operation),
}

/// What the proxy shows of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Face {
    pub(super) session: u64,
    pub(super) outstanding: usize,
    /// Where the nodes are, as far as it knows.
    pub(super) nodes: Vec<String>,
    /// Where the leader is, if there is a link to it.
    pub(super) leader: Option<String>,
}

pub(super) struct Router {
    dialer: Dialer,
    /// A link that is not needed any more leaves its number behind: what was sent through it is told apart by it.
    links: Vec<LinkState>,
    /// The latest leadership heard of: term and node.
    leader: Option<(u64, u64)>,
    /// Where the members are reached, as the leader says.
    members: BTreeMap<u64, String>,
    session: SessionState,
    next_id: u64,
    outstanding: BTreeMap<u64, Outstanding>,
    face: watch::Sender<Face>,
}

/// What the router knows of a link.
struct LinkState {
    address: String,
    /// The leader said so, rather than whoever started this proxy.
    is_learned: bool,
    /// Connects, and connects again, until the link is ended.
    linking: Option<Link>,
    is_ended: bool,
    /// Present while the stream is open.
    outbox: Option<Outbox>,
    /// The node at its other end, once it said so.
    node: Option<u64>,
}

enum SessionState {
    /// Writes wait until the request of this number (if one is under way) opens a session.
    Opening(Option<u64>),
    Open(Session),
}

/// A request that has no answer yet. Invariant: `answer` is used exactly once.
struct Outstanding {
    kind: Kind,
    deadline: Option<Moment>,
    /// Absent for the router's own requests.
    answer: Option<oneshot::Sender<Answer>>,
    /// The link it was last sent through and that still may answer. `None`: to be sent (again).
    sent_through: Option<usize>,
    /// How often it was sent: a request never sent certainly did not happen.
    attempts: u32,
}

enum Kind {
    Read(RangeRequest),
    /// A write, with its session and its sequence number there from the first time it is sent.
    Write {
        operation: command::Operation,
        number: Option<(u64, u64)>,
    },
}

impl Kind {
    /// What is sent. `None`: a write that needs a session, and none is open.
    fn on_the_wire(&mut self, session: &mut SessionState) -> Option<request::Kind> {
        let (operation, number) = match self {
            Kind::Read(range) => return Some(request::Kind::Read(range.clone())),
            Kind::Write { operation, number } => (operation, number),
        };
        let stamp = match (&operation, &number, session) {
            (command::Operation::OpenSession(_), ..) => None,
            (_, None, SessionState::Opening(_)) => return None,
            (_, _, SessionState::Open(session)) if number.is_none_or(|(owner, _)| owner == session.id()) => {
                let (_, sequence) = *number.get_or_insert_with(|| (session.id(), session.number()));
                Some(session.stamp(sequence))
            }
            // Its session is gone, but an earlier attempt may have worked: only the same stamp may be sent again.
            (_, Some((session, sequence)), _) => {
                Some(v1::Stamp { session: *session, sequence: *sequence, acknowledged_below: 0 })
            }
            (_, None, SessionState::Open(_)) => unreachable!("a write without a number fits every session"),
        };
        let command = v1::Command { timestamp_ms: 0, stamp, operation: Some(operation.clone()) };
        Some(request::Kind::Write(command))
    }
}

impl Router {
    pub(super) fn new(nodes: &[String], dialer: Dialer, face: watch::Sender<Face>) -> Self {
        let mut router = Self {
            dialer,
            links: Vec::new(),
            leader: None,
            members: BTreeMap::new(),
            session: SessionState::Opening(None),
            next_id: 1,
            outstanding: BTreeMap::new(),
            face,
        };
        nodes.iter().for_each(|address| router.link_to(address, false));
        router
    }

    /// Runs as long as the proxy serves.
    pub(super) async fn run(
        mut self,
        mut calls: mpsc::Receiver<Call>,
        mut news: mpsc::UnboundedReceiver<News>,
    ) {
        let clock = self.dialer.environment.clock.clone();
        let mut sweep_at = clock.now() + SWEEP_INTERVAL;
        let mut waiting = Vec::new();
        loop {
            tokio::select! { biased;
                () = clock.sleep_until(sweep_at) => {
                    sweep_at = clock.now() + SWEEP_INTERVAL;
                    self.sweep();
                }
                Some(item) = news.recv() => {
                    self.on_news(item);
                    while let Ok(item) = news.try_recv() {
                        self.on_news(item);
                    }
                }
                count = calls.recv_many(&mut waiting, CALLS_PER_ROUND_MAX) => {
                    if count == 0 {
                        return;
                    }
                    waiting.drain(..).for_each(|call| self.accept(call));
                }
            }
        }
    }

    fn accept(&mut self, call: Call) {
        if self.outstanding.len() >= OUTSTANDING_MAX {
            let status =
                wire::did_not_happen(Code::ResourceExhausted, "too many calls wait: try again later");
            let _ = call.answer.send(Err(status));
            return;
        }
        let kind = match call.operation {
            Operation::Read(range) => Kind::Read(range),
            Operation::Write(operation) => Kind::Write { operation, number: None },
        };
        self.issue(kind, Some(call.deadline), Some(call.answer));
    }

    fn issue(
        &mut self,
        kind: Kind,
        deadline: Option<Moment>,
        answer: Option<oneshot::Sender<Answer>>,
    ) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.outstanding.insert(id, Outstanding { kind, deadline, answer, sent_through: None, attempts: 0 });
        self.try_send(id);
        id
    }

    fn on_news(&mut self, (link, event): News) {
        if self.links[link].is_ended {
            return;
        }
        match event {
            LinkEvent::Up(outbox) => self.links[link].outbox = Some(Outbox(outbox)),
            LinkEvent::Received(batch) => {
                if let Some(leadership) = batch.leadership {
                    self.on_leadership(link, leadership);
                }
                batch.replies.into_iter().for_each(|reply| self.on_reply(link, reply));
            }
            LinkEvent::Down(status) => {
                tracing::debug!(link, %status, "down");
                self.on_down(link)
            }
        }
    }

    fn on_leadership(&mut self, link: usize, news: v1::Leadership) {
        self.links[link].node = Some(news.node);
        let known = self.leader.map_or(0, |(term, _)| term);
        if news.leader != 0 && news.term > known {
            self.leader = Some((news.term, news.leader));
            self.recall_all_but(news.leader);
        }
        let members = news.members.into_iter().map(|member| (member.id, member.address)).collect();
        self.link_to_members(&members);
        // Only the leader itself surely knows who is no member any more.
        if news.node == news.leader && news.term >= known {
            self.members = members;
            self.leave_strangers();
        }
        self.send_waiting();
    }

    fn link_to_members(&mut self, members: &BTreeMap<u64, String>) {
        for (id, address) in members {
            let leads_there = |link: &LinkState| link.node == Some(*id) || link.address == *address;
            if !self.links.iter().any(|link| !link.is_ended && leads_there(link)) {
                self.link_to(address, true);
            }
        }
    }

    /// Ends the links to nodes that are no members. Those that this proxy was told of at its start stay: it may know
    /// nodes by other addresses than they know each other.
    fn leave_strangers(&mut self) {
        for number in 0..self.links.len() {
            let link = &mut self.links[number];
            let is_member = self.members.values().any(|address| *address == link.address);
            if link.is_learned && !link.is_ended && !is_member {
                link.is_ended = true;
                link.linking = None;
                self.on_down(number);
            }
        }
    }

    fn link_to(&mut self, address: &str, is_learned: bool) {
        let linking = self.dialer.start(self.links.len(), address);
        let address = address.to_owned();
        self.links.push(LinkState {
            address,
            is_learned,
            linking: Some(linking),
            is_ended: false,
            outbox: None,
            node: None,
        });
    }

    /// Requests at a deposed leader might wait there for long: the new one gets them too. Writes bear the same number
    /// and apply once, whichever of them answers.
    fn recall_all_but(&mut self, leader: u64) {
        for request in self.outstanding.values_mut() {
            let elsewhere = request.sent_through.is_some_and(|link| self.links[link].node != Some(leader));
            let serializable = matches!(&request.kind, Kind::Read(range) if range.serializable);
            if elsewhere && !serializable {
                request.sent_through = None;
            }
        }
    }

    /// What was sent through a lost link may or may not have happened: it is sent again, under the same number.
    fn on_down(&mut self, link: usize) {
        self.links[link].outbox = None;
        self.links[link].node = None;
        for request in self.outstanding.values_mut() {
            if request.sent_through == Some(link) {
                request.sent_through = None;
            }
        }
        self.send_waiting();
    }

    fn on_reply(&mut self, link: usize, reply: v1::Reply) {
        let Some(request) = self.outstanding.get_mut(&reply.id) else { return };
        match reply.outcome {
            Some(reply::Outcome::Refusal(refusal)) => {
                // A refusal speaks for its own attempt only: a later one is still under way.
                if request.sent_through == Some(link) {
                    self.on_refusal(reply.id, &refusal);
                }
            }
            Some(reply::Outcome::SessionOpened(session)) => self.on_session_opened(reply.id, session),
            Some(outcome) => self.answer(reply.id, Ok(outcome)),
            None => self.answer(reply.id, Err(Status::internal("a reply without an outcome: this is a bug"))),
        }
    }

    fn on_refusal(&mut self, id: u64, refusal: &v1::Refusal) {
        let Some(request) = self.outstanding.get_mut(&id) else { return };
        let first_attempt = request.attempts == 1;
        let message = refusal.message.as_str();
        match refusal.reason() {
            // Nothing happened; the sweep sends it again, to whoever leads by then.
            Reason::NotLeader | Reason::Dropped => request.sent_through = None,
            // Its stamp tells the cluster whether it happened.
            Reason::Forgotten => request.sent_through = None,
            Reason::Overloaded if !first_attempt => request.sent_through = None,
            Reason::SessionExpired => self.on_session_expired(id),
            Reason::Overloaded => self.fail(id, Code::ResourceExhausted, message),
            Reason::Compacted | Reason::FutureRevision => self.fail(id, Code::OutOfRange, message),
            Reason::Invalid => self.fail(id, Code::InvalidArgument, message),
            Reason::Stale | Reason::Unspecified => {
                self.answer(id, Err(wire::unknown(format!("the outcome is unknown: {message}"))));
            }
        }
    }

    fn fail(&mut self, id: u64, code: Code, message: &str) {
        self.answer(id, Err(wire::did_not_happen(code, message)));
    }

    /// Sends what waits: whoever leads may have changed.
    fn send_waiting(&mut self) {
        let waiting = self.outstanding.iter().filter(|(_, request)| request.sent_through.is_none());
        let ids: Vec<u64> = waiting.map(|(&id, _)| id).collect();
        for id in ids {
            self.try_send(id);
        }
    }

    /// Sends a request to the node that can answer it, if there is one and the request may go.
    fn try_send(&mut self, id: u64) {
        let Some(link) = self.route(id) else { return };
        let Some(request) = self.outstanding.get_mut(&id) else { return };
        let Some(kind) = request.kind.on_the_wire(&mut self.session) else { return self.open_session() };
        let outbox = self.links[link].outbox.as_ref().expect("a route leads to an open link");
        if outbox.send(v1::Request { id, kind: Some(kind) }) {
            request.sent_through = Some(link);
            request.attempts += 1;
        }
    }

    /// The link for a request: to the leader, or for a serializable read to any node, spread by its number.
    fn route(&self, id: u64) -> Option<usize> {
        let is_open = |&link: &usize| self.links[link].outbox.is_some();
        let request = self.outstanding.get(&id)?;
        if matches!(&request.kind, Kind::Read(range) if range.serializable) {
            let links = self.links.len();
            return (0..links).map(|offset| (id as usize + offset) % links).find(is_open);
        }
        self.leader_link()
    }

    fn leader_link(&self) -> Option<usize> {
        let (_, leader) = self.leader?;
        self.links.iter().position(|link| link.node == Some(leader) && link.outbox.is_some())
    }

    fn open_session(&mut self) {
        if let SessionState::Opening(None) = self.session {
            // The number is noted before the request is sent, for sending looks at the session.
            self.session = SessionState::Opening(Some(self.next_id));
            let operation = command::Operation::OpenSession(v1::OpenSession {});
            self.issue(Kind::Write { operation, number: None }, None, None);
        }
    }

    fn on_session_opened(&mut self, id: u64, session: u64) {
        self.outstanding.remove(&id);
        if matches!(self.session, SessionState::Opening(Some(opening)) if opening == id) {
            self.session = SessionState::Open(Session::new(session));
            self.send_waiting();
        }
    }

    /// The cluster forgot a session. A write sent once did nothing, and starts over in a new session; of one that was
    /// sent before, an earlier attempt may have worked.
    fn on_session_expired(&mut self, id: u64) {
        let Some(request) = self.outstanding.get_mut(&id) else { return };
        let Kind::Write { number, .. } = &mut request.kind else { return };
        let Some((expired, _)) = number.take() else { return };
        if matches!(&self.session, SessionState::Open(session) if session.id() == expired) {
            self.session = SessionState::Opening(None);
        }
        request.sent_through = None;
        match request.attempts {
            1 => request.attempts = 0,
            _ => self.answer(id, Err(wire::unknown("the session expired: the outcome is unknown"))),
        }
    }

    /// Gives a call its answer.
    fn answer(&mut self, id: u64, answer: Answer) {
        let Some(request) = self.outstanding.remove(&id) else { return };
        if let (Kind::Write { number: Some((owner, sequence)), .. }, SessionState::Open(session)) =
            (&request.kind, &mut self.session)
            && *owner == session.id()
        {
            session.answered(*sequence);
        }
        if let Some(waiting) = request.answer {
            let _ = waiting.send(answer);
        }
    }

    /// Answers what is overdue, and sends again what was refused.
    fn sweep(&mut self) {
        let now = self.dialer.environment.clock.now();
        let overdue =
            self.outstanding.iter().filter(|(_, request)| request.deadline.is_some_and(|at| at <= now));
        let overdue: Vec<u64> = overdue.map(|(&id, _)| id).collect();
        for id in overdue {
            let status = self.outstanding[&id].overdue();
            self.answer(id, Err(status));
        }
        self.send_waiting();
        let session = match &self.session {
            SessionState::Open(session) => session.id(),
            SessionState::Opening(_) => 0,
        };
        let is_known = |link: &&LinkState| {
            let is_member = self.members.values().any(|address| *address == link.address);
            !link.is_ended && (link.outbox.is_some() || is_member || self.members.is_empty())
        };
        let nodes = self.links.iter().filter(is_known).map(|link| link.address.clone()).collect();
        let leader = self.leader_link().map(|link| self.links[link].address.clone());
        self.face.send_replace(Face { session, outstanding: self.outstanding.len(), nodes, leader });
    }
}

impl Outstanding {
    fn overdue(&self) -> Status {
        match (&self.kind, self.attempts) {
            (Kind::Write { .. }, 1..) => wire::unknown("no answer in time: the outcome is unknown"),
            (_, 0) => {
                wire::did_not_happen(Code::Unavailable, "no leader in time: nothing was sent, try again")
            }
            (Kind::Read(_), _) => wire::did_not_happen(Code::Unavailable, "no answer in time: read again"),
        }
    }
}
