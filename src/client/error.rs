//! What a client is told when it did not work.

use std::fmt;

use tonic::{Code, Status};

pub use crate::wire::Happened;
use crate::{rpc, wire::DETAIL_HEADER};

/// A failed request, in one line that says what to do.
#[derive(Clone, Debug)]
pub struct ClientError {
    /// The gRPC code.
    pub code: Code,
    /// What went wrong.
    pub message: String,
    /// Whether it took place.
    pub happened: Happened,
}

/// Whether another attempt may work, of a request that may be repeated: who was asked did not answer, or the connection broke.
pub const fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Unknown | Code::Internal
    )
}

/// What a request does to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// It changes nothing: it did not happen, whatever became of it.
    Read,
    Write,
}

impl ClientError {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self { code: Code::InvalidArgument, message: message.into(), happened: Happened::No }
    }

    pub(super) fn unreachable(reason: &str) -> Self {
        let message = format!(
            "{reason}; is a proxy running there? start one with 'conclave up', or name it with --endpoints"
        );
        Self { code: Code::Unavailable, message, happened: Happened::No }
    }

    pub(super) fn of_status(endpoint: &str, status: &Status, access: Access) -> Self {
        let happened = match Happened::of(status) {
            _ if access == Access::Read => Happened::No,
            Some(Happened::No) => Happened::No,
            _ if matches!(status.code(), Code::Unimplemented | Code::InvalidArgument) => Happened::No,
            _ if is_too_large(status) => Happened::No,
            _ => Happened::Unknown,
        };
        let message = match status.code() {
            Code::Unimplemented if status.message().is_empty() => {
                format!("{endpoint} does not offer this: is it a proxy of this version?")
            }
            _ if came_from_proxy(status) => match header(status, DETAIL_HEADER) {
                Some(detail) => format!("{}: {detail}", status.message()),
                None => status.message().to_owned(),
            },
            Code::DeadlineExceeded => format!("{endpoint} did not answer in time"),
            _ => format!("lost the connection to {endpoint}: {}", root_message(status)),
        };
        Self { code: status.code(), message, happened }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.happened {
            Happened::No => Ok(()),
            Happened::Unknown => f.write_str(" (it may have happened: read before you try again)"),
        }
    }
}

impl std::error::Error for ClientError {}

/// The proxy itself said so, rather than the transport on the way to it: what that says lies upon an error of its own.
pub(super) fn came_from_proxy(status: &Status) -> bool {
    let from_proxy = matches!(
        status.code(),
        Code::InvalidArgument
            | Code::OutOfRange
            | Code::ResourceExhausted
            | Code::Unimplemented
            | Code::Internal
    );
    from_proxy && std::error::Error::source(status).is_none() || Happened::of(status).is_some()
}

/// The request was not even read: it is over the limit of a message.
fn is_too_large(status: &Status) -> bool {
    status.code() == Code::ResourceExhausted && status.message().contains("received message larger than max")
}

fn header<'a>(status: &'a Status, name: &str) -> Option<&'a str> {
    status.metadata().get(name)?.to_str().ok()
}

/// The transport's own words are "transport error"; what lies beneath tells more.
fn root_message(status: &Status) -> String {
    match rpc::root_cause(status) {
        text if text == status.to_string() => status.message().to_owned(),
        text => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{CallError, etcd};

    fn told(error: CallError, access: Access) -> String {
        ClientError::of_status("proxy:1", &error.into(), access).to_string()
    }

    #[test]
    fn the_proxys_words_reach_the_user_with_the_detail() {
        let too_large =
            CallError::etcd(etcd::REQUEST_TOO_LARGE, "the value has 2 bytes, at most 1 are allowed");
        assert_eq!(
            told(too_large, Access::Write),
            "etcdserver: request is too large: the value has 2 bytes, at most 1 are allowed"
        );
        let no_leader = CallError::etcd(etcd::NO_LEADER, "1 of 3 nodes answers");
        assert_eq!(told(no_leader, Access::Write), "etcdserver: no leader: 1 of 3 nodes answers");
        let unknown = CallError::etcd(etcd::TIMED_OUT, "").may_have_happened();
        assert_eq!(
            told(unknown, Access::Write),
            "etcdserver: request timed out (it may have happened: read before you try again)"
        );
    }

    #[test]
    fn a_read_never_says_that_it_may_have_happened() {
        for status in [Status::unavailable("transport error"), Status::deadline_exceeded("late")] {
            let of = |access| ClientError::of_status("proxy:1", &status, access).happened;
            assert_eq!((of(Access::Read), of(Access::Write)), (Happened::No, Happened::Unknown));
        }
    }
}
