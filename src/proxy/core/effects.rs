//! What follows from the inputs, for the edge to carry out in this order.

use super::{
    assembly::Pieces,
    call::{CallId, to_wire_id},
    links::LinkId,
    waits::Waits,
};
use crate::wire::{
    CallError,
    pb::v1::{self, reply, request},
};

/// The one answer to a call.
pub(in crate::proxy) type Answer = Result<Answered, CallError>;

/// What a node answered.
#[derive(Debug)]
pub(in crate::proxy) struct Answered {
    pub(in crate::proxy) outcome: reply::Outcome,
    /// What belongs to the outcome and came before it.
    pub(in crate::proxy) pieces: Pieces,
}

/// Everything that follows from the inputs since the last time.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Effects {
    /// Links that are to be had, each connecting again and again until it is hung up.
    pub(in crate::proxy) dial: Vec<(LinkId, String)>,
    /// Links that are not to be had any more.
    pub(in crate::proxy) hang_up: Vec<LinkId>,
    /// Requests, each for a link that is up.
    pub(in crate::proxy) send: Vec<(LinkId, v1::Request)>,
    /// Answers; each call gets one, unless its caller left.
    pub(in crate::proxy) answer: Vec<(CallId, Answer)>,
    /// What slow calls that are answered waited for.
    pub(in crate::proxy) waits: Vec<(CallId, Waits)>,
    /// How many of the requests repeat an earlier one.
    pub(in crate::proxy) retries: u64,
    /// Who leads, which nodes there are, or the session: something of it is new.
    pub(in crate::proxy) view_changed: bool,
    /// When something is due: effects are to be asked for then, at the latest.
    pub(in crate::proxy) wake_at_us: Option<u64>,
}

impl Effects {
    /// Answers a call, which waited for this if it was slow.
    pub(super) fn answer(&mut self, id: CallId, answer: Answer, waits: Option<Waits>) {
        self.answer.push((id, answer));
        self.waits.extend(waits.map(|waits| (id, waits)));
    }

    /// Tells a node that a read is not to be answered any more.
    pub(super) fn call_off(&mut self, id: CallId, attempt: u16, link: LinkId) {
        let kind = Some(request::Kind::Cancel(v1::Cancel {}));
        self.send.push((link, v1::Request { id: to_wire_id(id, attempt), kind, timeout_ms: 0 }));
    }
}
