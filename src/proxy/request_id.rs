//! The id of a request: what a client, or the proxy, calls it, so that what all of them say of it can be found together.

use std::fmt;

use tonic::metadata::{MetadataMap, MetadataValue};

/// Metadata of a call, and of its answer.
pub(super) const REQUEST_ID_HEADER: &str = "x-request-id";

/// A longer id of a client is none: it would be in every line of the log.
const BYTES_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestId {
    /// The client's own.
    Given(String),
    /// The proxy's: which one it is, and the count of its calls.
    Made { proxy: u64, count: u64 },
}

impl RequestId {
    /// What the client calls it, if that is fit to be logged: printable, without blanks, and short.
    pub(super) fn given(metadata: &MetadataMap) -> Option<Self> {
        let given = metadata.get(REQUEST_ID_HEADER)?.as_bytes();
        let is_fit = !given.is_empty() && given.len() <= BYTES_MAX && given.iter().all(u8::is_ascii_graphic);
        is_fit.then(|| Self::Given(given.iter().copied().map(char::from).collect()))
    }

    /// Adds it to the metadata of an answer.
    pub(super) fn answer(&self, metadata: &mut MetadataMap) {
        if let Ok(value) = MetadataValue::try_from(self.to_string()) {
            metadata.insert(REQUEST_ID_HEADER, value);
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(id) => f.write_str(id),
            Self::Made { proxy, count } => write!(f, "{proxy:016x}-{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_fit_to_be_logged_is_no_id() {
        let given = |id: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert(REQUEST_ID_HEADER, MetadataValue::try_from(id).expect("a value"));
            RequestId::given(&metadata).map(|id| id.to_string())
        };
        assert_eq!(given("checkout-42").as_deref(), Some("checkout-42"));
        assert_eq!(given(&"x".repeat(64)).map(|id| id.len()), Some(64));
        for unfit in ["", "two words", "tab\there", &"x".repeat(65)] {
            assert_eq!(given(unfit), None, "{unfit:?}");
        }
        assert_eq!(RequestId::given(&MetadataMap::new()), None);
        assert_eq!(RequestId::Made { proxy: 0xab, count: 7 }.to_string(), "00000000000000ab-7");
    }
}
