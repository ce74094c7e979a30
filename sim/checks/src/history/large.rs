//! What clients of large values ask, and what they are told.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that a client of large values did or was told.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LargeEvent {
    /// It begins a write.
    Writes {
        write: u64,
        key: u64,
    },
    /// The write is acknowledged.
    Wrote {
        write: u64,
        revision: i64,
    },
    DidNotWrite {
        write: u64,
    },
    MayHaveWritten {
        write: u64,
    },
    /// All large values were asked for.
    Read {
        asked: Asked,
        revision: i64,
        count: i64,
        more: bool,
        parts: Vec<Part>,
    },
    /// The answer is larger than a limit.
    Refused,
    DidNotRead {
        error: String,
    },
    /// A client of a flood is done.
    Flooded(Flooded),
}

/// The calls of a client of a flood, by what it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Flooded {
    pub answered: u64,
    /// More than a limit.
    pub refused: u64,
    pub failed: u64,
}

/// How all large values were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Asked {
    /// The revision of the latest write that was acknowledged before.
    pub floor: i64,
    /// 0: no limit.
    pub limit: u64,
    /// 0: the latest.
    pub revision: i64,
    pub count_only: bool,
    pub descending: bool,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.count_only { "a count" } else { "a range" })?;
        match self.revision {
            0 => f.write_str(" of everything")?,
            revision => write!(f, " of everything as of revision {revision}")?,
        }
        if self.limit > 0 {
            write!(f, ", of {} pairs at most", self.limit)?;
        }
        if self.descending { f.write_str(", the latest key first") } else { Ok(()) }
    }
}

/// A pair of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Part {
    /// `None`: no key of theirs.
    pub key: Option<u64>,
    /// The write that its value comes from. `None`: no write ever stored this.
    pub write: Option<u64>,
    pub mod_revision: i64,
}
