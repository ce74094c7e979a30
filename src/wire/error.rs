//! What a receiver makes of a message that breaks the protocol, and what a caller is told when its call did not work.
//!
//! An error answers the caller's first question: did it happen? The code alone cannot say it, because etcd answers
//! UNAVAILABLE to both; so each error of a proxy also carries [`HAPPENED_HEADER`].
//!
//! Where etcd has a text for what is wrong, the message is that text: its clients compare it. What Conclave knows
//! beyond that is the detail, which travels in [`DETAIL_HEADER`], or follows the text of an outage, which no client
//! compares and every operator reads.

use std::fmt;

use tonic::{Code, Status, metadata::MetadataValue};

use crate::rpc::HAPPENED_HEADER;

/// A message that breaks the protocol; nothing of it was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed message: {0}")]
pub struct Malformed(pub &'static str);

impl From<Malformed> for Status {
    fn from(malformed: Malformed) -> Self {
        Self::invalid_argument(malformed.to_string())
    }
}

/// Header of a proxy's failed call: what Conclave adds to etcd's text.
pub const DETAIL_HEADER: &str = "conclave-detail";

/// Whether a request that failed took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It did not, and will not.
    No,
    /// It may have, or may yet: read before you write again.
    Unknown,
}

impl Happened {
    /// What a status says of it, if it does.
    pub(crate) fn of(status: &Status) -> Option<Self> {
        let said = status.metadata().get(HAPPENED_HEADER)?;
        Some(if said == Self::No.name() { Self::No } else { Self::Unknown })
    }

    /// As a header says it.
    fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// etcd's errors: what its clients know by code and text (`rpctypes/error.go` of etcd 3.6).
pub(crate) mod etcd {
    use tonic::Code;

    /// A code and its text.
    pub(crate) type Known = (Code, &'static str);

    pub(crate) const KEY_NOT_PROVIDED: Known = (Code::InvalidArgument, "etcdserver: key is not provided");
    pub(crate) const KEY_NOT_FOUND: Known = (Code::InvalidArgument, "etcdserver: key not found");
    pub(crate) const VALUE_PROVIDED: Known = (Code::InvalidArgument, "etcdserver: value is provided");
    pub(crate) const LEASE_PROVIDED: Known = (Code::InvalidArgument, "etcdserver: lease is provided");
    pub(crate) const INVALID_SORT_OPTION: Known = (Code::InvalidArgument, "etcdserver: invalid sort option");
    pub(crate) const REQUEST_TOO_LARGE: Known = (Code::InvalidArgument, "etcdserver: request is too large");
    pub(crate) const LEASE_NOT_FOUND: Known = (Code::NotFound, "etcdserver: requested lease not found");
    pub(crate) const COMPACTED: Known =
        (Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted");
    pub(crate) const FUTURE_REVISION: Known =
        (Code::OutOfRange, "etcdserver: mvcc: required revision is a future revision");
    pub(crate) const NO_SPACE: Known = (Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded");
    pub(crate) const TOO_MANY_REQUESTS: Known = (Code::ResourceExhausted, "etcdserver: too many requests");
    pub(crate) const NO_LEADER: Known = (Code::Unavailable, "etcdserver: no leader");
    pub(crate) const TIMED_OUT: Known = (Code::Unavailable, "etcdserver: request timed out");
    pub(crate) const STOPPED: Known = (Code::Unavailable, "etcdserver: server stopped");

    /// All that a node may say in a refusal.
    pub(super) const SAID_BY_NODES: [Known; 10] = [
        KEY_NOT_PROVIDED,
        KEY_NOT_FOUND,
        VALUE_PROVIDED,
        LEASE_PROVIDED,
        INVALID_SORT_OPTION,
        REQUEST_TOO_LARGE,
        LEASE_NOT_FOUND,
        COMPACTED,
        FUTURE_REVISION,
        NO_SPACE,
    ];
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallError {
    pub(crate) code: Code,
    /// etcd's text, where etcd has one.
    pub(crate) message: String,
    /// What Conclave adds; may be empty.
    pub(crate) detail: String,
    pub(crate) happened: Happened,
}

impl CallError {
    /// An error that etcd has as well. It did not happen.
    pub(crate) fn etcd((code, message): etcd::Known, detail: impl Into<String>) -> Self {
        Self { code, message: message.to_owned(), detail: detail.into(), happened: Happened::No }
    }

    /// An error that etcd does not have. It did not happen.
    pub(crate) fn other(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: String::new(), happened: Happened::No }
    }

    /// What a node or the state machine refused, in its words: etcd's text first if it is one of etcd's errors, which
    /// then brings its code. It did not happen.
    pub(crate) fn refused(code: Code, words: &str) -> Self {
        let known = etcd::SAID_BY_NODES.into_iter().find(|(_, text)| words.starts_with(text));
        match known {
            Some(known) => Self::etcd(known, words[known.1.len()..].trim_start_matches([':', ' '])),
            None => Self::other(code, words),
        }
    }

    /// The same error, when it may have happened.
    pub(crate) fn may_have_happened(self) -> Self {
        Self { happened: Happened::Unknown, ..self }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl From<CallError> for Status {
    fn from(error: CallError) -> Self {
        let is_outage = error.code == Code::Unavailable;
        let message = if is_outage { error.to_string() } else { error.message };
        let mut status = Self::new(error.code, message);
        let metadata = status.metadata_mut();
        metadata.insert(HAPPENED_HEADER, MetadataValue::from_static(error.happened.name()));
        if !is_outage
            && !error.detail.is_empty()
            && let Ok(detail) = error.detail.parse()
        {
            metadata.insert(DETAIL_HEADER, detail);
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_in_etcds_words_brings_etcds_code_and_text_and_keeps_the_rest_as_detail() {
        let words = "etcdserver: request is too large: the key has 5 bytes, at most 4 are allowed";
        let error = CallError::refused(Code::Unknown, words);
        assert_eq!((error.code, error.message.as_str()), etcd::REQUEST_TOO_LARGE);
        assert_eq!(error.detail, "the key has 5 bytes, at most 4 are allowed");
        assert_eq!(error.to_string(), words);
        let status = Status::from(error);
        assert_eq!(status.message(), "etcdserver: request is too large");
        assert_eq!(
            status.metadata().get(DETAIL_HEADER).expect("a detail"),
            "the key has 5 bytes, at most 4 are allowed"
        );
        assert_eq!(status.metadata().get(HAPPENED_HEADER).expect("an answer"), "no");

        let lease = CallError::refused(Code::InvalidArgument, "etcdserver: requested lease not found");
        assert_eq!((lease.code, lease.detail.as_str()), (Code::NotFound, ""));
        let own = CallError::refused(Code::InvalidArgument, "the write names no operation");
        assert_eq!((own.code, own.message.as_str()), (Code::InvalidArgument, "the write names no operation"));
    }

    #[test]
    fn an_outage_is_told_whole_to_whoever_reads_the_message() {
        let error = CallError::etcd(etcd::NO_LEADER, "1 of 3 nodes answers").may_have_happened();
        let status = Status::from(error);
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.message(), "etcdserver: no leader: 1 of 3 nodes answers");
        assert_eq!(status.metadata().get(HAPPENED_HEADER).expect("an answer"), "unknown");
        assert!(status.metadata().get(DETAIL_HEADER).is_none());
    }
}
