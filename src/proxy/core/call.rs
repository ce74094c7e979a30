//! One call: what is asked, and where it is.

use std::fmt;

use super::{limits::SMALL_CALL_BYTES_MAX, links::LinkId};
use crate::wire::pb::{etcdserverpb::RangeRequest, v1::command};

/// Names a call of a client; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::proxy) struct CallId(pub(super) u64);

impl CallId {
    /// The first that clients' calls may have. What comes before is the core's own: its requests go ahead of those
    /// that wait.
    const FIRST: u64 = 1 << 32;

    /// The name of a client's call, by its count from 0.
    pub(in crate::proxy) fn of_client(count: u64) -> Self {
        Self(Self::FIRST + count)
    }

    /// The name of one of the core's own requests, by its count from 0.
    pub(super) fn own(count: u64) -> Self {
        Self(count % Self::FIRST)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.checked_sub(Self::FIRST) {
            Some(count) => write!(f, "call {count}"),
            None => write!(f, "own{}", self.0),
        }
    }
}

/// On the wire an attempt is named by its call and its own number: no name is used twice.
pub(super) fn to_wire_id(CallId(id): CallId, attempt: u16) -> u64 {
    id << u16::BITS | u64::from(attempt)
}

pub(super) fn from_wire_id(id: u64) -> (CallId, u16) {
    (CallId(id >> u16::BITS), id as u16)
}

/// A client asks.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Call {
    pub(in crate::proxy) id: CallId,
    pub(in crate::proxy) operation: Operation,
    /// By then it has its answer, in the time that is handed in.
    pub(in crate::proxy) deadline_us: u64,
    /// What it holds in memory, and takes on the wire.
    pub(in crate::proxy) bytes: usize,
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub(in crate::proxy) enum Operation {
    /// A read, linearizable unless it says serializable.
    Read(RangeRequest),
    Write(command::Operation),
}

/// Names one write to the cluster, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) session: u64,
    pub(super) sequence: u64,
}

/// What is to be done for an outstanding call.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Read(RangeRequest),
    /// A write, with its number from the first time it is sent.
    Write {
        operation: command::Operation,
        number: Option<Number>,
    },
    /// The core's own: a session of this id with the cluster, without which no write is sent.
    OpenSession(u64),
    /// A write that was sent and whose caller left: it is not sent again.
    Abandoned(Number),
}

impl Work {
    pub(super) fn number(&self) -> Option<Number> {
        match self {
            Work::Write { number, .. } => *number,
            Work::Abandoned(number) => Some(*number),
            Work::Read(_) | Work::OpenSession(_) => None,
        }
    }

    /// Any node can answer it, from its own state.
    pub(super) fn is_serializable(&self) -> bool {
        matches!(self, Work::Read(range) if range.serializable)
    }

    /// A client asks the leader for one key, or puts one.
    pub(super) fn is_of_one_key_at_leader(&self) -> bool {
        match self {
            Work::Read(range) => range.range_end.is_empty() && !range.serializable,
            Work::Write { operation: command::Operation::Put(_), .. } => true,
            Work::Write { .. } | Work::OpenSession(_) | Work::Abandoned(_) => false,
        }
    }

    /// Where it waits to be sent.
    pub(super) fn queue(&self, bytes: usize) -> Queue {
        let lane = Lane::of(bytes);
        if self.is_serializable() { Queue::AnyNode(lane) } else { Queue::Leader(lane) }
    }
}

/// Where an outstanding call is: in exactly one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Waiting(Queue),
    /// It was refused for the moment, and waits again from this time on.
    BackingOff {
        until_us: u64,
    },
    /// Its latest attempt went through this link.
    Sent(LinkId),
}

/// What a waiting call waits for. The order within a queue is the order of the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// A link to the leader, and room on it.
    Leader(Lane),
    /// A link to any node, and room on it.
    AnyNode(Lane),
    /// A session.
    Session,
}

impl Queue {
    pub(super) const COUNT: usize = 5;

    pub(super) fn index(self) -> usize {
        match self {
            Queue::Leader(lane) => lane as usize,
            Queue::AnyNode(lane) => 2 + lane as usize,
            Queue::Session => 4,
        }
    }
}

/// Small calls do not wait behind large ones: each size has its own queue, and its own room on every link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Small,
    Large,
}

impl Lane {
    pub(super) const ALL: [Lane; 2] = [Lane::Small, Lane::Large];

    pub(super) fn of(bytes: usize) -> Self {
        if bytes <= SMALL_CALL_BYTES_MAX { Lane::Small } else { Lane::Large }
    }
}
