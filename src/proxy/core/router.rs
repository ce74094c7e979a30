//! The decisions: inputs change what is known, and effects follow from it.

use bytes::Bytes;
use tonic::Code;

use super::{
    assembly::Assembly,
    call::{Call, CallId, Lane, Operation, Place, Queue, Work, from_wire_id, to_wire_id},
    calls::{Calls, Outstanding},
    effects::{Answered, Effects},
    exactly_once::{SessionIds, Sessions},
    limits::{RETRY_PAUSE_MAX_US, RETRY_PAUSE_MIN_US},
    links::{Changes, DownReason, Leader, LinkId, Links},
    outcome::{self, Next},
};
use crate::wire::{
    CallError, ClusterId, Leadership, NodeId,
    pb::v1::{self, reply, request},
};

/// The proxy's core. Its inputs are methods; [`Router::effects`] returns what follows from them.
pub(in crate::proxy) struct Router {
    now_us: u64,
    links: Links,
    /// Whom calls were last recalled for: term and node.
    followed: (u64, NodeId),
    calls: Calls,
    assembly: Assembly,
    sessions: Sessions,
    session_ids: SessionIds,
    /// Requests of its own so far.
    own_requests: u64,
    effects: Effects,
}

/// Inputs.
impl Router {
    /// A proxy of this cluster, or of the one that these nodes (`host:port`) belong to. Large answers may hold so many bytes,
    /// all together.
    pub(in crate::proxy) fn new<'a>(
        cluster: Option<ClusterId>,
        nodes: impl IntoIterator<Item = &'a str>,
        answers_bytes_max: usize,
        session_ids: SessionIds,
    ) -> Self {
        let mut router = Self {
            now_us: 0,
            links: Links::of_cluster(cluster),
            followed: (0, 0),
            calls: Calls::default(),
            assembly: Assembly::new(answers_bytes_max),
            sessions: Sessions::Closed,
            session_ids,
            own_requests: 0,
            effects: Effects { view_changed: true, ..Effects::default() },
        };
        for address in nodes {
            let link = router.links.add(address, false);
            router.dial(link);
        }
        router
    }

    /// The time, which never goes backwards, before anything that happens then.
    pub(in crate::proxy) fn set_time(&mut self, now_us: u64) {
        self.now_us = self.now_us.max(now_us);
    }

    /// A client asks.
    pub(in crate::proxy) fn call(&mut self, Call { id, operation, deadline_us, bytes }: Call) {
        if !self.calls.has_room_for(bytes) {
            let error = outcome::no_room(self.calls.len(), self.calls.large_bytes());
            self.effects.answer.push((id, Err(error)));
            return;
        }
        let work = match operation {
            Operation::Read(range) => Work::Read(range),
            Operation::Write(operation) => Work::Write { operation, number: None },
        };
        self.calls.insert(id, Outstanding::new(work, Some(deadline_us), bytes));
    }

    /// A caller left: nobody waits for the answer. What was never sent is never sent; a write that is under way stays
    /// known to the session until it is answered.
    pub(in crate::proxy) fn cancel(&mut self, id: CallId) {
        let Some(call) = self.calls.get(id) else { return };
        let is_write = matches!(call.work, Work::Write { .. });
        let is_under_way = matches!(call.place(), Place::Sent(_));
        if is_write && is_under_way {
            let too_old = self.calls.abandon(id);
            too_old.into_iter().for_each(|id| drop(self.finish(id)));
        } else {
            self.finish(id);
        }
    }

    /// A link has an open stream.
    pub(in crate::proxy) fn link_up(&mut self, link: LinkId) {
        self.links.up(link);
        self.effects.view_changed = true;
    }

    /// A node says who leads.
    pub(in crate::proxy) fn leadership(&mut self, link: LinkId, news: Leadership) {
        let changes = self.links.heard(link, news);
        self.follow_changes(changes);
        self.follow_leader();
        self.effects.view_changed = true;
    }

    /// A node answers.
    pub(in crate::proxy) fn replies(&mut self, link: LinkId, replies: impl IntoIterator<Item = v1::Reply>) {
        if !self.links.contains(link) {
            return;
        }
        for v1::Reply { id, outcome } in replies {
            let (id, attempt) = from_wire_id(id);
            // What comes through another link than the attempt went is not its answer.
            let Some(call) = self.calls.get(id).filter(|call| call.attempts.is_open(attempt, link)) else {
                continue;
            };
            match (&call.work, outcome) {
                (_, Some(reply::Outcome::Refusal(refusal))) => self.refused(id, attempt, link, &refusal),
                (Work::Read(_), Some(reply::Outcome::Piece(piece))) => self.piece(id, attempt, piece),
                (_, None | Some(reply::Outcome::Piece(_))) => {
                    self.refused(id, attempt, link, &v1::Refusal::default());
                }
                (Work::OpenSession(asked), Some(reply::Outcome::SessionOpened(session)))
                    if session == *asked =>
                {
                    self.session_opened(id, session);
                }
                (Work::OpenSession(_), Some(_)) => self.refused(id, attempt, link, &v1::Refusal::default()),
                (Work::Abandoned(_), Some(_)) => drop(self.finish(id)),
                (Work::Read(_) | Work::Write { .. }, Some(outcome)) => self.answered(id, attempt, outcome),
            }
        }
    }

    /// The stream of a link ended: what was sent through it may or may not have happened.
    pub(in crate::proxy) fn link_down(&mut self, link: LinkId, reason: DownReason) {
        let changes = self.links.down(link, reason);
        self.lost(link);
        self.follow_changes(changes);
        self.follow_leader();
        self.effects.view_changed = true;
    }
}

/// Outputs.
impl Router {
    /// What follows from the inputs since the last time, and from the time.
    pub(in crate::proxy) fn effects(&mut self) -> Effects {
        self.expire();
        self.send_waiting();
        self.effects.wake_at_us = self.calls.next_due_us();
        std::mem::take(&mut self.effects)
    }

    /// The open session; 0 if there is none.
    pub(in crate::proxy) fn session(&self) -> u64 {
        self.sessions.id()
    }

    /// Calls that wait for an answer, the core's own request included.
    pub(in crate::proxy) fn outstanding(&self) -> usize {
        self.calls.len()
    }

    /// The nodes as far as they are known, with their numbers if those are known.
    pub(in crate::proxy) fn nodes(&self) -> Vec<(Option<NodeId>, String)> {
        self.links.nodes()
    }

    /// How the cluster looks from here, for an operator who wonders why nothing works.
    pub(in crate::proxy) fn diagnosis(&self) -> String {
        self.links.diagnosis()
    }

    /// The cluster that this proxy works for; `None` while that is not decided.
    pub(in crate::proxy) fn cluster(&self) -> Option<ClusterId> {
        self.links.cluster()
    }

    /// Who leads, and where it is reached if there is a link to it.
    pub(in crate::proxy) fn leader(&self) -> Option<(Leader, Option<&str>)> {
        let leader = self.links.leader()?;
        Some((leader, leader.link.and_then(|link| self.links.address(link))))
    }
}

/// What becomes of a call.
impl Router {
    fn answered(&mut self, id: CallId, attempt: u16, outcome: reply::Outcome) {
        let pieces = self.assembly.take(id, attempt);
        if let Some(call) = self.calls.get_mut(id) {
            call.attempts.close(attempt);
        }
        self.finish(id);
        self.effects.answer.push((id, Ok(Answered { outcome, pieces })));
    }

    /// A part of the answer to a read.
    fn piece(&mut self, id: CallId, attempt: u16, piece: Bytes) {
        if let Err(why) = self.assembly.add(id, attempt, piece) {
            self.finish(id);
            self.effects.answer.push((id, Err(CallError::other(Code::ResourceExhausted, why))));
        }
    }

    fn session_opened(&mut self, id: CallId, session: u64) {
        self.finish(id);
        if self.sessions.opened(id, session) {
            self.effects.view_changed = true;
            self.calls.all(Queue::Session).into_iter().for_each(|id| self.calls.requeue(id));
        }
    }

    /// An attempt was refused. If a later one is under way, its word counts.
    fn refused(&mut self, id: CallId, attempt: u16, link: LinkId, refusal: &v1::Refusal) {
        drop(self.assembly.take(id, attempt));
        let Some(call) = self.calls.get_mut(id) else { return };
        if outcome::did_nothing(refusal.reason()) || matches!(call.work, Work::Read(_)) {
            call.attempts.did_nothing(attempt);
        }
        if !(call.attempts.is_latest(attempt) && call.place() == Place::Sent(link)) {
            return;
        }
        if refusal.reason() == v1::refusal::Reason::SessionExpired
            && let Some(number) = call.work.number()
        {
            self.sessions.expired(number.session);
        }
        match outcome::after_refusal(refusal, &call.work, &call.attempts) {
            Next::Retry => self.pause(id),
            Next::NewSession => self.calls.requeue(id),
            Next::Fail(error) => {
                self.finish(id);
                self.effects.answer.push((id, Err(error)));
            }
            Next::Forget => drop(self.finish(id)),
        }
    }

    fn pause(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let doublings = call.refusals.min(u64::BITS / 2);
        call.refusals += 1;
        let pause_us = (RETRY_PAUSE_MIN_US << doublings).min(RETRY_PAUSE_MAX_US);
        self.calls.place(id, Place::BackingOff { until_us: self.now_us + pause_us });
    }

    /// Removes a call: it is not sent again, and nobody waits for its answer.
    fn finish(&mut self, id: CallId) -> Option<Outstanding> {
        self.assembly.forget(id);
        let call = self.calls.remove(id)?;
        self.sessions.settle(call.work.number());
        if matches!(call.work, Work::Read(_)) {
            call.attempts.open().for_each(|(attempt, link)| self.call_off(id, attempt, link));
        }
        Some(call)
    }

    /// Tells a node that a read is not to be answered any more.
    fn call_off(&mut self, id: CallId, attempt: u16, link: LinkId) {
        if self.links.is_open(link) {
            let kind = Some(request::Kind::Cancel(v1::Cancel {}));
            let request = v1::Request { id: to_wire_id(id, attempt), kind, timeout_ms: 0 };
            self.effects.send.push((link, request));
        }
    }

    /// What was under way on a link, or at a leader of before, waits to be sent again, under the same number.
    fn send_again(&mut self, calls: Vec<CallId>) {
        for id in calls {
            match self.calls.get(id).map(|call| &call.work) {
                Some(Work::Abandoned(_)) => drop(self.finish(id)),
                _ => {
                    self.drop_pieces(id);
                    self.calls.requeue(id);
                }
            }
        }
    }

    /// A call is sent again: an answer that is half there is not waited for, for its rest may never come, or go on in the
    /// answer to another attempt.
    fn drop_pieces(&mut self, id: CallId) {
        for attempt in self.assembly.forget(id) {
            let link = self.calls.get_mut(id).and_then(|call| call.attempts.close(attempt));
            link.into_iter().for_each(|link| self.call_off(id, attempt, link));
        }
    }

    fn expire(&mut self) {
        while let Some(id) = self.calls.overdue(self.now_us) {
            let Some(call) = self.finish(id) else { continue };
            if !matches!(call.work, Work::Abandoned(_)) {
                let error = outcome::overdue(&call.work, &call.attempts, &self.links);
                self.effects.answer.push((id, Err(error)));
            }
        }
        while let Some(id) = self.calls.paused_until(self.now_us) {
            self.calls.requeue(id);
        }
    }
}

/// Where calls go.
impl Router {
    fn dial(&mut self, link: LinkId) {
        let address = self.links.address(link).unwrap_or_default().to_owned();
        self.effects.dial.push((link, address));
    }

    fn follow_changes(&mut self, Changes { wanted, unwanted }: Changes) {
        wanted.into_iter().for_each(|link| self.dial(link));
        unwanted.into_iter().for_each(|link| self.hang_up(link));
    }

    fn hang_up(&mut self, link: LinkId) {
        self.lost(link);
        self.effects.hang_up.push(link);
    }

    fn lost(&mut self, link: LinkId) {
        self.send_again(self.calls.sent_through(link));
        self.calls.forget_link(link);
    }

    /// Calls at a deposed leader might wait there for long, and those that pause wait for another leader: all go to the
    /// new one. Whichever answers first has the answer to all attempts.
    fn follow_leader(&mut self) {
        let Some(Leader { term, node, link }) = self.links.leader() else { return };
        if self.followed == (term, node) {
            return;
        }
        self.followed = (term, node);
        self.send_again(self.calls.sent_elsewhere(link));
        self.send_again(self.calls.all_pausing());
    }

    fn send_waiting(&mut self) {
        let leader = self.links.leader().and_then(|leader| leader.link);
        if let Some(link) = leader {
            for lane in Lane::ALL {
                while let Some(id) = self.calls.first(Queue::Leader(lane))
                    && self.calls.fits(id, link)
                {
                    self.send(id, link);
                }
            }
        }
        for lane in Lane::ALL {
            while let Some(id) = self.calls.first(Queue::AnyNode(lane))
                && let Some(link) = self.any_link(id)
            {
                self.send(id, link);
            }
        }
    }

    /// The link for a call that any node can answer: they take turns, by the call's name.
    fn any_link(&self, id: CallId) -> Option<LinkId> {
        let open: Vec<LinkId> = self.links.open().collect();
        let turn = id.0.checked_rem(open.len() as u64)? as usize;
        let links = open[turn..].iter().chain(&open[..turn]);
        links.copied().find(|link| self.calls.fits(id, *link))
    }

    /// Sends a call, or lets it wait for a session.
    fn send(&mut self, id: CallId, link: LinkId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        match self.sessions.request(&mut call.work, &call.attempts) {
            Some(kind) => {
                let attempt = call.attempts.begin(link);
                let left_us = call.time_left_us(self.now_us);
                // (Zero would stand for no such time.)
                let timeout_ms = left_us.map_or(0, |left_us| left_us.div_ceil(1000).max(1));
                self.calls.place(id, Place::Sent(link));
                let request = v1::Request { id: to_wire_id(id, attempt), kind: Some(kind), timeout_ms };
                self.effects.send.push((link, request));
            }
            None => {
                self.calls.place(id, Place::Waiting(Queue::Session));
                self.open_session();
            }
        }
    }

    fn open_session(&mut self) {
        if matches!(self.sessions, Sessions::Closed) {
            let id = CallId::own(self.own_requests);
            self.own_requests += 1;
            self.sessions = Sessions::Opening(id);
            self.calls.insert(id, Outstanding::new(Work::OpenSession((self.session_ids)()), None, 0));
        }
    }
}

#[cfg(test)]
impl Router {
    pub(super) fn check_indexes(&self) {
        self.calls.check_indexes();
        self.assembly.check();
        for id in self.assembly.calls() {
            let is_read = self.calls.get(id).is_some_and(|call| matches!(call.work, Work::Read(_)));
            assert!(is_read, "pieces of {id} are kept, and nobody waits for it");
        }
    }
}
