//! What a client is told when it did not work. The code, and a header for clients of ours, answer its first
//! question: did it happen?

use tonic::{Code, Status, metadata::MetadataValue};

use crate::rpc::HAPPENED_HEADER;

/// It did not happen, and will not.
pub(super) fn did_not_happen(code: Code, message: impl Into<String>) -> Status {
    marked(Status::new(code, message), "no")
}

/// It may have happened, or may yet.
pub(super) fn unknown(message: impl Into<String>) -> Status {
    marked(Status::new(Code::DeadlineExceeded, message), "unknown")
}

fn marked(mut status: Status, happened: &'static str) -> Status {
    status.metadata_mut().insert(HAPPENED_HEADER, MetadataValue::from_static(happened));
    status
}
