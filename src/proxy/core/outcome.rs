//! What a caller is told when there is no answer, and whether it happened: the one place that decides what is unknown.
//!
//! | what became of it | a read | a write, if certainly nothing happened | a write, if it may have happened |
//! | --- | --- | --- | --- |
//! | refused: NOT_LEADER, DROPPED | again | again | again |
//! | refused: FORGOTTEN | again | again | again, under the same number: the cluster knows |
//! | refused: OVERLOADED | too many requests | too many requests | again |
//! | refused: SESSION_EXPIRED | | again, in another session | unknown |
//! | refused: STALE, or without a reason | unavailable | unknown | unknown |
//! | refused: INVALID, LIMIT, COMPACTED, ... | refused | refused | refused: so was, or will be, every attempt |
//! | the deadline came | timed out | timed out, nothing happened | timed out, unknown |
//!
//! A read that fails did not happen, whatever was sent: it changes nothing.

use prost::Message as _;
use tonic::Code;

use super::{
    call::Work,
    exactly_once::Attempts,
    links::{Leader, Links},
};
use crate::wire::{
    CallError, etcd,
    pb::v1::{self, refusal::Reason, reply::Outcome},
};

/// What follows a refusal of the latest attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is tried again, after a pause.
    Retry,
    /// It is tried again as soon as there is another session.
    NewSession,
    /// This is its answer.
    Fail(CallError),
    /// Nobody waits for it any more.
    Forget,
}

/// What the pairs take that an answer to a write brings: those that were there before.
pub(super) fn pairs_bytes(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Put(response) => response.prev_kv.iter().map(|pair| pair.encoded_len()).sum(),
        Outcome::DeleteRange(response) => response.prev_kvs.iter().map(|pair| pair.encoded_len()).sum(),
        _ => 0,
    }
}

/// A write whose answer finds no room: its caller is not told what it asked for, and must not think that nothing happened.
pub(super) fn done_and_not_told(why: &str) -> CallError {
    let words = format!("it is done, but the pairs that were there before cannot be told: {why}");
    CallError::other(Code::ResourceExhausted, words).may_have_happened()
}

/// Whether an attempt that was refused so certainly did nothing.
pub(super) fn did_nothing(reason: Reason) -> bool {
    match reason {
        Reason::NotLeader
        | Reason::Overloaded
        | Reason::Dropped
        | Reason::SessionExpired
        | Reason::Invalid
        | Reason::Limit
        | Reason::Compacted
        | Reason::FutureRevision => true,
        Reason::Forgotten | Reason::Stale | Reason::Unspecified => false,
    }
}

/// `attempts` without the one that was refused, if that did nothing.
pub(super) fn after_refusal(refusal: &v1::Refusal, work: &Work, attempts: &Attempts) -> Next {
    let is_write = match work {
        // Without a session nothing is ever written again: this request is tried until it works.
        Work::OpenSession(_) => return Next::Retry,
        Work::Abandoned(_) => return Next::Forget,
        Work::Read(_) => false,
        Work::Write { .. } => true,
    };
    let is_unknown = is_write && attempts.may_have_happened();
    let words = refusal.message.as_str();
    match refusal.reason() {
        Reason::NotLeader | Reason::Dropped | Reason::Forgotten => Next::Retry,
        Reason::Overloaded if is_unknown => Next::Retry,
        Reason::Overloaded => Next::Fail(CallError::etcd(etcd::TOO_MANY_REQUESTS, words)),
        Reason::SessionExpired if !is_unknown => Next::NewSession,
        Reason::SessionExpired => Next::Fail(unknown(words)),
        Reason::Compacted => Next::Fail(CallError::refused(Code::OutOfRange, words)),
        Reason::FutureRevision => Next::Fail(CallError::refused(Code::OutOfRange, words)),
        Reason::Invalid => Next::Fail(CallError::refused(Code::InvalidArgument, words)),
        Reason::Limit => Next::Fail(CallError::refused(Code::ResourceExhausted, words)),
        Reason::Stale | Reason::Unspecified if is_write => Next::Fail(unknown(words)),
        Reason::Stale | Reason::Unspecified => Next::Fail(CallError::other(Code::Unavailable, words)),
    }
}

/// etcd has no such error, and a client that repeats a call on UNAVAILABLE must not repeat this one.
fn unknown(words: &str) -> CallError {
    CallError::other(Code::Unknown, format!("the outcome is unknown: {words}")).may_have_happened()
}

/// The deadline of a call came before its answer.
pub(super) fn overdue(work: &Work, attempts: &Attempts, links: &Links) -> CallError {
    let is_write = matches!(work, Work::Write { .. });
    let leader = links.leader();
    let is_leaderless = leader.is_none_or(|leader| leader.link.is_none()) && !work.is_serializable();
    let found = if is_leaderless { etcd::NO_LEADER } else { etcd::TIMED_OUT };
    let diagnosis = match leader {
        Some(Leader { node, link: Some(link), .. }) if !work.is_serializable() => {
            let address = links.address(link).unwrap_or_default();
            format!("node {node} at {address} leads and has not served it in time, {}", links.diagnosis())
        }
        _ => links.diagnosis(),
    };
    match attempts.is_empty() {
        true => CallError::etcd(found, format!("{diagnosis}; nothing was sent")),
        false if is_write && attempts.may_have_happened() => {
            CallError::etcd(etcd::TIMED_OUT, diagnosis).may_have_happened()
        }
        false => CallError::etcd(found, diagnosis),
    }
}

/// The proxy has no room for another call.
pub(super) fn no_room(calls: usize, large_bytes: usize) -> CallError {
    let detail =
        format!("{calls} calls wait at this proxy, the large ones with {large_bytes} bytes: try again later");
    CallError::etcd(etcd::TOO_MANY_REQUESTS, detail)
}
