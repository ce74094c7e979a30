//! Reading: one key or many, now or as the store was at an older revision.

use std::{cmp::Ordering, fmt};

use super::{
    Header, KeyValue,
    command::KEY_NOT_PROVIDED,
    error::Direction,
    reply::{COMPACTED, FUTURE_REVISION},
    span::Span,
};

/// What may be gathered of a range that is to be sorted by something else than its keys. Whoever sorts holds all of it.
pub const SORTED_BYTES_MAX: usize = 64 << 20;

/// What to read. The default of each field but the key asks for nothing special.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeRequest {
    /// First key of the range; not empty.
    pub key: Vec<u8>,
    /// End of the range, exclusive. Empty: the key alone. One zero byte: every key from `key` on.
    pub range_end: Vec<u8>,
    /// Most pairs to return; 0 or less for all.
    pub limit: i64,
    /// Read the store as it was at this revision; 0 or less for now.
    pub revision: i64,
    /// Order of the pairs.
    pub sort_order: SortOrder,
    /// What the order goes by. Another target than the key is sorted by even when no order is named: ascending then.
    pub sort_target: SortTarget,
    /// Leave the values out.
    pub keys_only: bool,
    /// Return the count alone.
    pub count_only: bool,
    /// Leave out pairs last written before this revision; 0 for none.
    pub min_mod_revision: i64,
    /// Leave out pairs last written after this revision; 0 for none.
    pub max_mod_revision: i64,
    /// Leave out pairs created before this revision; 0 for none.
    pub min_create_revision: i64,
    /// Leave out pairs created after this revision; 0 for none.
    pub max_create_revision: i64,
}

/// Order of the pairs of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// As they lie in the store: ascending by key.
    #[default]
    None,
    /// Smallest first.
    Ascend,
    /// Greatest first.
    Descend,
}

/// What pairs are sorted by. Equals stay in ascending order of their keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortTarget {
    /// The key.
    #[default]
    Key,
    /// The version.
    Version,
    /// The revision of creation.
    Create,
    /// The revision of the last write.
    Mod,
    /// The value.
    Value,
}

/// What there is to say of what was read, beside the pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeSummary {
    /// The store's revision now, also when an older one was read.
    pub revision: i64,
    /// The limit cut the reply short.
    pub more: bool,
    /// Pairs in the range at the revision read, whatever the limit and the bounds on their revisions.
    pub count: i64,
}

/// Why nothing was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeRejection {
    /// The revision lies before the oldest that is kept.
    Compacted {
        /// The oldest that is kept.
        oldest: i64,
    },
    /// The revision lies in the future.
    FutureRevision {
        /// The store's revision now.
        current: i64,
    },
    /// The pairs to sort weigh more than is sorted.
    TooLargeToSort,
    /// The request itself is wrong.
    Invalid(String),
}

impl fmt::Display for RangeRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RangeRejection::TooLargeToSort => {
                return write!(
                    f,
                    "the pairs to sort weigh more than {SORTED_BYTES_MAX} bytes, which is the most that is sorted: \
                     ask for fewer, or in the order of keys"
                );
            }
            RangeRejection::Compacted { .. } => COMPACTED,
            RangeRejection::FutureRevision { .. } => FUTURE_REVISION,
            RangeRejection::Invalid(message) => message,
        })
    }
}

impl RangeRequest {
    pub(super) fn span(&self) -> Span<'_> {
        Span::new(&self.key, &self.range_end)
    }

    /// The revision to read at, if it can be read.
    pub(super) fn revision_in(&self, header: &Header) -> Result<i64, RangeRejection> {
        if self.key.is_empty() {
            return Err(RangeRejection::Invalid(KEY_NOT_PROVIDED.to_owned()));
        }
        if self.revision > header.revision {
            return Err(RangeRejection::FutureRevision { current: header.revision });
        }
        let revision = if self.revision > 0 { self.revision } else { header.revision };
        if revision < header.compacted_revision {
            return Err(RangeRejection::Compacted { oldest: header.compacted_revision });
        }
        Ok(revision)
    }

    /// The way to scan: the reply's own order when that goes by key.
    pub(super) fn direction(&self) -> Direction {
        match (self.sort_target, self.sort_order) {
            (SortTarget::Key, SortOrder::Descend) => Direction::Descending,
            _ => Direction::Ascending,
        }
    }

    /// Whether it asks for a version of these revisions.
    pub(super) fn selects(&self, mod_revision: i64, create_revision: i64) -> bool {
        let within = |revision, min, max| (min == 0 || revision >= min) && (max == 0 || revision <= max);
        within(mod_revision, self.min_mod_revision, self.max_mod_revision)
            && within(create_revision, self.min_create_revision, self.max_create_revision)
    }

    pub(super) fn limit_pairs(&self) -> Option<usize> {
        (self.limit > 0).then(|| usize::try_from(self.limit).unwrap_or(usize::MAX))
    }

    pub(super) fn compare(&self, a: &KeyValue, b: &KeyValue) -> Ordering {
        let ascending = match self.sort_target {
            SortTarget::Key => a.key.cmp(&b.key),
            SortTarget::Version => a.version.cmp(&b.version),
            SortTarget::Create => a.create_revision.cmp(&b.create_revision),
            SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
            SortTarget::Value => a.value.cmp(&b.value),
        };
        match self.sort_order {
            SortOrder::Descend => ascending.reverse(),
            SortOrder::None | SortOrder::Ascend => ascending,
        }
    }
}
