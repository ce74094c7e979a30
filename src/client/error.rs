//! What a client is told when it did not work.

use std::fmt;

use tonic::{Code, Status};

use crate::wire::HAPPENED_HEADER;

/// Whether a request that failed took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It did not, and will not.
    No,
    /// It may have, or may yet: read before you write again.
    Unknown,
}

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

    pub(super) fn of_status(endpoint: &str, status: &Status) -> Self {
        let happened = match happened_header(status) {
            Some("no") => Happened::No,
            _ if matches!(status.code(), Code::Unimplemented | Code::InvalidArgument) => Happened::No,
            _ => Happened::Unknown,
        };
        let message = match status.code() {
            Code::Unimplemented => format!("{endpoint} does not offer this: is it a proxy of this version?"),
            _ if came_from_proxy(status) => status.message().to_owned(),
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

/// The proxy itself said so, rather than the transport on the way to it.
pub(super) fn came_from_proxy(status: &Status) -> bool {
    let from_proxy = matches!(
        status.code(),
        Code::InvalidArgument
            | Code::OutOfRange
            | Code::ResourceExhausted
            | Code::Unimplemented
            | Code::Internal
    );
    from_proxy || happened_header(status).is_some()
}

fn happened_header(status: &Status) -> Option<&str> {
    status.metadata().get(HAPPENED_HEADER)?.to_str().ok()
}

/// The transport's own words are "transport error"; what lies beneath tells more.
fn root_message(status: &Status) -> String {
    let mut cause: &dyn std::error::Error = status;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.to_string() {
        text if text == status.to_string() => status.message().to_owned(),
        text => text,
    }
}
