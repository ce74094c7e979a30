//! Exactly once: what makes a write that is sent twice apply once, and what is known of it until then.
//!
//! The cluster remembers, for each session, the answer to each sequence number (thesis, section 6.3; RIFL). So:
//!
//! - **A write keeps its number** for as long as any attempt to do it may have worked ([`Attempts`]). Only a write of
//!   which certainly nothing happened may take another number, in another session.
//! - **A refusal speaks for its own attempt only.** An attempt is named by its number within the call *and* by the
//!   link it went through; an earlier attempt's refusal says nothing of a later one that is under way. An answer is the
//!   answer to all attempts, whichever it comes from.
//! - **A number is settled** when its write will not be sent again: it has its answer, or was given up. The oldest
//!   number that is not settled travels with every write (`acknowledged_below`); below it the cluster forgets its cached
//!   answers and refuses late attempts as stale.
//! - **A session's id never comes again.** It is drawn at random when the session is to be opened, and kept until it is. So a
//!   cluster that was founded anew, or restored from an older state, never takes a session for another.

use std::collections::BTreeSet;

use super::{
    call::{CallId, Number, Work},
    limits::OPEN_ATTEMPTS_MAX,
    links::LinkId,
};
use crate::{
    env::{Knob, knob, sometimes},
    wire::pb::v1::{self, command, request},
};

/// The attempts to carry out one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts {
    count: u16,
    /// Those that may have worked, or may yet, oldest first.
    open: Vec<Attempt>,
    /// There were more of those than are kept.
    has_forgotten: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Attempt {
    number: u16,
    link: LinkId,
}

impl Attempts {
    /// Begins one, and returns its number.
    pub(super) fn begin(&mut self, link: LinkId) -> u16 {
        if self.open.len() == knob(Knob::OpenAttempts, OPEN_ATTEMPTS_MAX) {
            self.open.remove(0);
            self.has_forgotten = true;
        }
        self.count = self.count.wrapping_add(1);
        let others = || self.open.iter().map(|attempt| attempt.link).filter(|other| *other != link);
        sometimes!(others().next().is_some(), SentToSecondNode);
        sometimes!(others().collect::<BTreeSet<_>>().len() >= 2, SentToThirdNode);
        self.open.push(Attempt { number: self.count, link });
        self.count
    }

    /// Whether this is an attempt of this call, through this link, of which nothing was heard.
    pub(super) fn is_open(&self, number: u16, link: LinkId) -> bool {
        self.open.contains(&Attempt { number, link })
    }

    /// Nothing was sent after it.
    pub(super) fn is_latest(&self, number: u16) -> bool {
        self.count == number
    }

    /// This attempt did nothing and will not, or whatever it answers does not count. Returns the link that it went through,
    /// if it was open.
    pub(super) fn close(&mut self, number: u16) -> Option<LinkId> {
        let place = self.open.iter().position(|attempt| attempt.number == number)?;
        Some(self.open.remove(place).link)
    }

    /// Those that are open.
    pub(super) fn open(&self) -> impl Iterator<Item = (u16, LinkId)> {
        self.open.iter().map(|attempt| (attempt.number, attempt.link))
    }

    /// Something was sent that may have worked, or may yet.
    pub(super) fn may_have_happened(&self) -> bool {
        self.has_forgotten || !self.open.is_empty()
    }

    /// Nothing was ever sent.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// The proxy's sessions: at most one is open; numbers of those before may still be under way.
pub(super) struct Sessions {
    present: Present,
    ids: SessionIds,
    /// The core's own requests so far.
    requests: u64,
}

#[derive(Debug)]
enum Present {
    /// No write can be sent under a new number.
    Closed,
    /// The core's own request that opens one is under way.
    Opening(CallId),
    Open(Session),
}

/// Draws ids of sessions: numbers that do not come again, and not 0.
pub(in crate::proxy) type SessionIds = Box<dyn FnMut() -> u64 + Send>;

/// An open session. Invariant: a sequence number belongs to one write for ever, however often it is sent.
#[derive(Debug)]
struct Session {
    id: u64,
    last_sequence: u64,
    unsettled: BTreeSet<u64>,
}

impl Sessions {
    /// None is open. New ones get these ids.
    pub(super) fn new(ids: SessionIds) -> Self {
        Self { present: Present::Closed, ids, requests: 0 }
    }

    /// The open session; 0 if there is none.
    pub(super) fn id(&self) -> u64 {
        match &self.present {
            Present::Open(session) => session.id,
            Present::Closed | Present::Opening(_) => 0,
        }
    }

    /// What is sent for a call. `None`: a write that needs a session, and none is open.
    pub(super) fn request(&mut self, work: &mut Work, attempts: &Attempts) -> Option<request::Kind> {
        let write = |stamp, operation| {
            Some(request::Kind::Write(v1::Command { timestamp_ms: 0, stamp, operation: Some(operation) }))
        };
        match work {
            Work::Read(range) => Some(request::Kind::Read(range.clone())),
            Work::OpenSession(id) => {
                write(None, command::Operation::OpenSession(v1::OpenSession { id: *id }))
            }
            Work::Write { operation, number } => {
                write(Some(self.stamp(number, attempts)?), operation.clone())
            }
            Work::Abandoned(_) => None,
        }
    }

    fn stamp(&mut self, number: &mut Option<Number>, attempts: &Attempts) -> Option<v1::Stamp> {
        match (*number, &mut self.present) {
            (Some(Number { session, sequence }), Present::Open(open)) if session == open.id => {
                Some(open.stamp(sequence))
            }
            // Its session is gone, but an earlier attempt may have worked: only the same number may be sent again.
            (Some(Number { session, sequence }), _) if attempts.may_have_happened() => {
                Some(v1::Stamp { session, sequence, acknowledged_below: 0 })
            }
            (_, Present::Open(open)) => {
                let sequence = open.next_sequence();
                *number = Some(Number { session: open.id, sequence });
                Some(open.stamp(sequence))
            }
            (_, Present::Closed | Present::Opening(_)) => None,
        }
    }

    /// The write will not be sent again.
    pub(super) fn settle(&mut self, number: Option<Number>) {
        if let (Some(Number { session, sequence }), Present::Open(open)) = (number, &mut self.present)
            && session == open.id
        {
            open.unsettled.remove(&sequence);
        }
    }

    /// The cluster does not know this session any more.
    pub(super) fn expired(&mut self, session: u64) {
        if matches!(&self.present, Present::Open(open) if open.id == session) {
            self.present = Present::Closed;
        }
    }

    /// The request that opens a session, unless one is open, or was asked for.
    pub(super) fn open(&mut self) -> Option<(CallId, Work)> {
        if !matches!(self.present, Present::Closed) {
            return None;
        }
        sometimes!(self.requests > 0, SecondSession);
        let id = CallId::own(self.requests);
        self.requests += 1;
        self.present = Present::Opening(id);
        Some((id, Work::OpenSession((self.ids)())))
    }

    /// The cluster opened a session for this request. False: another request was to open one.
    pub(super) fn opened(&mut self, request: CallId, session: u64) -> bool {
        let is_awaited = matches!(&self.present, Present::Opening(opening) if *opening == request);
        if is_awaited {
            self.present =
                Present::Open(Session { id: session, last_sequence: 0, unsettled: BTreeSet::new() });
        }
        is_awaited
    }
}

#[cfg(test)]
impl Sessions {
    /// The invariant: what is unsettled is a call's. Otherwise the cluster would keep the answers to all later writes for ever.
    pub(super) fn check(&self, numbers: impl Iterator<Item = Number>) {
        let Present::Open(open) = &self.present else { return };
        let borne = numbers.filter(|number| number.session == open.id).map(|number| number.sequence);
        assert_eq!(borne.collect::<BTreeSet<_>>(), open.unsettled);
    }
}

impl Session {
    fn next_sequence(&mut self) -> u64 {
        self.last_sequence += 1;
        self.unsettled.insert(self.last_sequence);
        self.last_sequence
    }

    fn stamp(&self, sequence: u64) -> v1::Stamp {
        let oldest = self.unsettled.first().copied();
        v1::Stamp { session: self.id, sequence, acknowledged_below: oldest.unwrap_or(self.last_sequence + 1) }
    }
}
