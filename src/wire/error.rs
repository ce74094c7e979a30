//! What a receiver makes of a message that breaks the protocol, and what a caller is told when its call did not work.
//! The code, and a header for clients of ours, answer the caller's first question: did it happen?

use tonic::{Code, Status, metadata::MetadataValue};

/// A message that breaks the protocol; nothing of it was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed message: {0}")]
pub struct Malformed(pub &'static str);

impl From<Malformed> for Status {
    fn from(malformed: Malformed) -> Self {
        Self::invalid_argument(malformed.to_string())
    }
}

/// Header of a proxy's failed call: `no` (it did not and will not happen) or `unknown` (it may have, or may yet).
pub const HAPPENED_HEADER: &str = "conclave-happened";

/// It did not happen, and will not.
pub(crate) fn did_not_happen(code: Code, message: impl Into<String>) -> Status {
    marked(Status::new(code, message), "no")
}

/// It may have happened, or may yet.
pub(crate) fn unknown(message: impl Into<String>) -> Status {
    marked(Status::new(Code::DeadlineExceeded, message), "unknown")
}

fn marked(mut status: Status, happened: &'static str) -> Status {
    status.metadata_mut().insert(HAPPENED_HEADER, MetadataValue::from_static(happened));
    status
}
