//! The delivery of calls: each is sent until it has its one answer, which is given to its caller.

use bytes::Bytes;
use tonic::Code;

use super::{
    assembly::Assembly,
    call::{Call, CallId, Operation, Place, Queue, Work, from_wire_id, to_wire_id},
    calls::{Calls, Outstanding},
    effects::{Answer, Answered, Effects},
    exactly_once::{SessionIds, Sessions},
    limits::SMALL_ANSWER_BYTES_MAX,
    links::{LinkId, Links},
    outcome::{self, Next},
};
use crate::{
    env::sometimes,
    wire::{
        CallError,
        pb::v1::{self, reply},
    },
};

/// Which links there are is not known here: whoever asks for the effects drops what is for a link that is not open.
pub(super) struct Delivery {
    calls: Calls,
    assembly: Assembly,
    sessions: Sessions,
    /// Without links that are to be had, or not.
    effects: Effects,
}

impl Delivery {
    /// Large answers may hold so many bytes, all together.
    pub(super) fn new(answers_bytes_max: usize, session_ids: SessionIds) -> Self {
        Self {
            calls: Calls::default(),
            assembly: Assembly::new(answers_bytes_max),
            sessions: Sessions::new(session_ids),
            effects: Effects::default(),
        }
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The open session; 0 if there is none.
    pub(super) fn session(&self) -> u64 {
        self.sessions.id()
    }

    pub(super) fn set_time(&mut self, now_us: u64) {
        self.calls.now_us = self.calls.now_us.max(now_us);
    }

    /// A client asks.
    pub(super) fn accept(&mut self, Call { id, operation, deadline_us, bytes }: Call) {
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
    pub(super) fn cancel(&mut self, id: CallId) {
        let Some(call) = self.calls.get(id) else { return };
        let is_write = matches!(call.work, Work::Write { .. });
        let is_under_way = matches!(call.place(), Place::Sent(_));
        if is_write && is_under_way {
            sometimes!(CallerLeft);
            let too_old = self.calls.abandon(id);
            too_old.into_iter().for_each(|id| drop(self.finish(id)));
        } else {
            self.finish(id);
        }
    }

    /// Sends a call, or lets it wait for a session.
    pub(super) fn send(&mut self, id: CallId, link: LinkId) {
        let now_us = self.calls.now_us;
        let Some(call) = self.calls.get_mut(id) else { return };
        match self.sessions.request(&mut call.work, &call.attempts) {
            Some(kind) => {
                let attempt = call.attempts.begin(link);
                self.effects.retries += u64::from(attempt > 1);
                let left_us = call.time_left_us(now_us);
                // (Zero would stand for no such time.)
                let timeout_ms = left_us.map_or(0, |left_us| left_us.div_ceil(1000).max(1));
                self.calls.place(id, Place::Sent(link));
                let request = v1::Request { id: to_wire_id(id, attempt), kind: Some(kind), timeout_ms };
                self.effects.send.push((link, request));
            }
            None => {
                self.calls.place(id, Place::Waiting(Queue::Session));
                if let Some((id, work)) = self.sessions.open() {
                    self.calls.insert(id, Outstanding::new(work, None, 0));
                }
            }
        }
    }

    /// What was under way on a link that is gone is sent again.
    pub(super) fn lost(&mut self, link: LinkId) {
        self.send_again(self.calls.in_flight().through(link));
        self.calls.forget_link(link);
    }

    /// What was under way on a link, or at a leader of before, waits to be sent again, under the same number.
    pub(super) fn send_again(&mut self, calls: Vec<CallId>) {
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

    /// The deadlines of some calls have come, and the pauses of others are over.
    pub(super) fn expire(&mut self, links: &Links) {
        while let Some(id) = self.calls.timers().overdue(self.calls.now_us) {
            let Some(call) = self.finish(id) else { continue };
            if !matches!(call.work, Work::Abandoned(_)) {
                let error = outcome::overdue(&call.work, &call.attempts, links);
                self.effects.answer(id, Err(error), call.long_waits());
            }
        }
        while let Some(id) = self.calls.timers().paused_until(self.calls.now_us) {
            self.calls.requeue(id);
        }
    }

    /// What is to be carried out since the last time.
    pub(super) fn take_effects(&mut self) -> Effects {
        self.effects.wake_at_us = self.calls.timers().next_due_us();
        std::mem::take(&mut self.effects)
    }
}

/// What a node says of a call.
impl Delivery {
    pub(super) fn reply(&mut self, link: LinkId, v1::Reply { id, outcome }: v1::Reply) {
        let (id, attempt) = from_wire_id(id);
        // What comes through another link than the attempt went is not its answer.
        let Some(call) = self.calls.get(id).filter(|call| call.attempts.is_open(attempt, link)) else {
            sometimes!(LateReply);
            return;
        };
        match (&call.work, outcome) {
            (_, Some(reply::Outcome::Refusal(refusal))) => self.refused(id, attempt, link, &refusal),
            (Work::Read(_), Some(reply::Outcome::Piece(piece))) => self.piece(id, attempt, piece),
            (_, None | Some(reply::Outcome::Piece(_))) => {
                self.refused(id, attempt, link, &v1::Refusal::default());
            }
            (Work::OpenSession(asked), Some(reply::Outcome::SessionOpened(session))) if session == *asked => {
                self.session_opened(id, session);
            }
            (Work::OpenSession(_), Some(_)) => self.refused(id, attempt, link, &v1::Refusal::default()),
            (Work::Abandoned(_), Some(_)) => drop(self.finish(id)),
            (Work::Read(_) | Work::Write { .. }, Some(outcome)) => self.answered(id, attempt, outcome),
        }
    }

    fn answered(&mut self, id: CallId, attempt: u16, outcome: reply::Outcome) {
        let mut pieces = self.assembly.take(id, attempt);
        if let Some(call) = self.calls.get_mut(id) {
            sometimes!(!call.attempts.is_latest(attempt), AnswerToEarlierAttempt);
            call.attempts.close(attempt);
        }
        let bytes = outcome::pairs_bytes(&outcome);
        if bytes > SMALL_ANSWER_BYTES_MAX {
            pieces = match self.assembly.hold(bytes) {
                Ok(held) => held,
                Err(why) => {
                    sometimes!(AnswerTooLarge);
                    return self.conclude(id, Err(outcome::done_and_not_told(&why)));
                }
            };
        }
        self.conclude(id, Ok(Answered { outcome, pieces }));
    }

    /// A part of the answer to a read.
    fn piece(&mut self, id: CallId, attempt: u16, piece: Bytes) {
        if let Err(why) = self.assembly.add(id, attempt, piece) {
            sometimes!(AnswerTooLarge);
            self.conclude(id, Err(CallError::other(Code::ResourceExhausted, why)));
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
        let now_us = self.calls.now_us;
        let Some(call) = self.calls.get_mut(id) else { return };
        if outcome::did_nothing(refusal.reason()) || matches!(call.work, Work::Read(_)) {
            call.attempts.close(attempt);
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
            Next::Retry => {
                let pause = call.pause(now_us);
                self.calls.place(id, pause);
            }
            Next::NewSession => self.calls.requeue(id),
            Next::Fail(error) => self.conclude(id, Err(error)),
            Next::Forget => drop(self.finish(id)),
        }
    }

    /// A call has its answer.
    fn conclude(&mut self, id: CallId, answer: Answer) {
        let waits = self.finish(id).and_then(|call| call.long_waits());
        self.effects.answer(id, answer, waits);
    }

    /// Removes a call: it is not sent again, and nobody waits for its answer.
    fn finish(&mut self, id: CallId) -> Option<Outstanding> {
        self.assembly.forget(id);
        let call = self.calls.remove(id)?;
        self.sessions.settle(call.work.number());
        if matches!(call.work, Work::Read(_)) {
            call.attempts.open().for_each(|(attempt, link)| self.effects.call_off(id, attempt, link));
        }
        Some(call)
    }

    /// A call is sent again: an answer that is half there is not waited for, for its rest may never come, or go on in the
    /// answer to another attempt.
    fn drop_pieces(&mut self, id: CallId) {
        for attempt in self.assembly.forget(id) {
            sometimes!(HalfAnswerDropped);
            let link = self.calls.get_mut(id).and_then(|call| call.attempts.close(attempt));
            link.into_iter().for_each(|link| self.effects.call_off(id, attempt, link));
        }
    }
}

#[cfg(test)]
impl Delivery {
    pub(super) fn check_indexes(&self) {
        self.calls.check_indexes();
        self.assembly.check();
        for id in self.assembly.calls() {
            let is_read = self.calls.get(id).is_some_and(|call| matches!(call.work, Work::Read(_)));
            assert!(is_read, "pieces of {id} are kept, and nobody waits for it");
        }
        self.sessions.check(self.calls.numbers());
    }
}
