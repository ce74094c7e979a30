//! What clients ask, and what they are told: the only thing that linearizability is judged by.

use serde::{Deserialize, Serialize};

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// Writes a value that no other put writes.
    Put {
        key: String,
        value: String,
    },
    Get {
        key: String,
    },
    Delete {
        key: String,
    },
    /// Reads a key as it was at a revision.
    GetPast {
        key: String,
        revision: i64,
    },
    /// Gives up the past before a revision.
    Compact {
        revision: i64,
    },
}

/// What a client is told. Revisions are those of the store after the operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Put {
        revision: i64,
    },
    Got {
        revision: i64,
        found: Option<Found>,
    },
    Deleted {
        revision: i64,
        count: i64,
    },
    Compacted,
    /// The revision is compacted: it cannot be read, or not again compacted.
    Gone,
    /// It did not happen and will not: the reason that the client was given.
    DidNotHappen(String),
    /// It may have happened, or may yet: the reason that the client was given.
    Unknown(String),
}

/// A pair as a read saw it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Found {
    pub value: String,
    /// Revision of its latest write.
    pub mod_revision: i64,
    /// Writes since it was created.
    pub version: i64,
}

/// A call and its answer, in nanoseconds of simulated time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub client: u64,
    pub called_ns: u64,
    pub call: Call,
    /// The answer and its time. None: the client died waiting.
    pub answer: Option<(u64, Answer)>,
}

impl Call {
    /// The key that it is about, if it is about one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Put { key, .. } | Self::Get { key } | Self::Delete { key } | Self::GetPast { key, .. } => {
                Some(key)
            }
            Self::Compact { .. } => None,
        }
    }
}

impl Answer {
    /// The store's revision, as far as the client was told; 0 if it was not.
    pub fn revision(&self) -> i64 {
        match self {
            Self::Put { revision } | Self::Got { revision, .. } | Self::Deleted { revision, .. } => *revision,
            Self::Compacted | Self::Gone | Self::DidNotHappen(_) | Self::Unknown(_) => 0,
        }
    }

    /// Whether the client was told of an error.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::DidNotHappen(_) | Self::Unknown(_))
    }
}
