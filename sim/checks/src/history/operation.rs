//! What clients ask, and what they are told: the only thing that linearizability is judged by.

use serde::{Deserialize, Serialize};

use super::{Found, Page, Paged};

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
    /// Raises the alarm that a member is out of space, or ends it.
    Alarm {
        member: u64,
        raises: bool,
    },
    /// Writes a value that no other put writes, and asks what was there.
    Replace {
        key: String,
        value: String,
    },
    /// Reads the keys from one to before another, as they were at a revision, or (0) are now.
    Range {
        from: String,
        to: String,
        revision: i64,
    },
    /// Reads them as any node has them: serializable.
    RangeOfAny {
        from: String,
        to: String,
    },
    /// Reads a page of them, as they were at a revision, or (0) are now.
    Page {
        from: String,
        to: String,
        revision: i64,
        page: Page,
    },
    /// Takes a backup, and reads them in it.
    Backup {
        from: String,
        to: String,
    },
    /// Deletes them, and perhaps asks what was there.
    DeleteRange {
        from: String,
        to: String,
        previous: bool,
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
    Replaced {
        revision: i64,
        previous: Option<Found>,
    },
    Ranged {
        revision: i64,
        found: Vec<(String, Found)>,
    },
    Paged {
        revision: i64,
        paged: Paged,
    },
    RangeDeleted {
        revision: i64,
        count: i64,
        previous: Option<Vec<(String, Found)>>,
    },
    Compacted,
    /// The alarm is raised, or over.
    Alarmed,
    /// The revision is compacted: it cannot be read, or not again compacted.
    Gone,
    /// What arrived whole is not sound: what is wrong with it.
    Broken(String),
    /// It did not happen and will not: the reason that the client was given.
    DidNotHappen(String),
    /// It may have happened, or may yet: the reason that the client was given.
    Unknown(String),
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
            Self::Put { key, .. }
            | Self::Get { key }
            | Self::Delete { key }
            | Self::GetPast { key, .. }
            | Self::Replace { key, .. } => Some(key),
            Self::Compact { .. }
            | Self::Alarm { .. }
            | Self::Range { .. }
            | Self::RangeOfAny { .. }
            | Self::Page { .. }
            | Self::Backup { .. }
            | Self::DeleteRange { .. } => None,
        }
    }

    /// The keys from which, and before which, it is about, if it is about a range.
    pub fn span(&self) -> Option<(&str, &str)> {
        match self {
            Self::Range { from, to, .. }
            | Self::RangeOfAny { from, to }
            | Self::Page { from, to, .. }
            | Self::Backup { from, to }
            | Self::DeleteRange { from, to, .. } => Some((from, to)),
            _ => None,
        }
    }

    /// The key and the value that it writes, if it writes one.
    pub fn puts(&self) -> Option<(&str, &str)> {
        match self {
            Self::Put { key, value } | Self::Replace { key, value } => Some((key, value)),
            _ => None,
        }
    }

    /// It is a write: what a leader has to propose.
    pub fn changes_the_store(&self) -> bool {
        self.puts().is_some() || self.is_delete() || matches!(self, Self::Compact { .. } | Self::Alarm { .. })
    }

    /// The revision of the past that it reads, if it reads one.
    pub fn past_revision(&self) -> Option<i64> {
        match self {
            Self::GetPast { revision, .. }
            | Self::Range { revision: revision @ 1.., .. }
            | Self::Page { revision: revision @ 1.., .. } => Some(*revision),
            _ => None,
        }
    }

    /// The revision that it reads, answered at a present one.
    pub fn read_revision(&self, present: i64) -> i64 {
        self.past_revision().unwrap_or(present)
    }

    /// Any node may answer, as of its own present.
    pub fn is_of_any_node(&self) -> bool {
        match self {
            Self::RangeOfAny { .. } => true,
            Self::Page { page, .. } => page.of_any_node,
            _ => false,
        }
    }

    pub fn is_delete(&self) -> bool {
        matches!(self, Self::Delete { .. } | Self::DeleteRange { .. })
    }
}

impl Answer {
    /// The store's revision, as far as the client was told; 0 if it was not.
    pub fn revision(&self) -> i64 {
        match self {
            Self::Put { revision }
            | Self::Got { revision, .. }
            | Self::Deleted { revision, .. }
            | Self::Replaced { revision, .. }
            | Self::Ranged { revision, .. }
            | Self::Paged { revision, .. }
            | Self::RangeDeleted { revision, .. } => *revision,
            Self::Compacted
            | Self::Alarmed
            | Self::Gone
            | Self::Broken(_)
            | Self::DidNotHappen(_)
            | Self::Unknown(_) => 0,
        }
    }

    /// The revision of the write that it tells of, if that changed something.
    pub fn written(&self) -> Option<i64> {
        match self {
            Self::Put { revision }
            | Self::Replaced { revision, .. }
            | Self::Deleted { revision, count: 1.. }
            | Self::RangeDeleted { revision, count: 1.., .. } => Some(*revision),
            _ => None,
        }
    }

    /// Whether the client was told of an error.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::DidNotHappen(_) | Self::Unknown(_))
    }
}
