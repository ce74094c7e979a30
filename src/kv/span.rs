//! The ranges of keys that requests name.

use std::ops::Bound::{self, Excluded, Included, Unbounded};

use super::{
    KeyRange,
    record::{index_key, index_prefix},
};

/// A range of keys that were made for it.
pub(crate) type OwnedRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// The keys that a pair of `key` and `range_end` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span<'a> {
    /// One key.
    Key(&'a [u8]),
    /// Every key from this one on.
    From(&'a [u8]),
    /// From the first, inclusive, to the second, exclusive.
    Between(&'a [u8], &'a [u8]),
    /// No key at all.
    Nothing,
}

impl<'a> Span<'a> {
    pub(crate) fn new(key: &'a [u8], range_end: &'a [u8]) -> Self {
        match range_end {
            [] => Span::Key(key),
            [0] => Span::From(key),
            end if end <= key => Span::Nothing,
            end => Span::Between(key, end),
        }
    }

    /// The keys of [`Table::Current`](super::Table::Current) in the span, or nothing.
    pub(crate) fn current(self) -> Option<KeyRange<'a>> {
        match self {
            Span::Key(key) => Some((Included(key), Included(key))),
            Span::From(key) => Some((Included(key), Unbounded)),
            Span::Between(key, end) => Some((Included(key), Excluded(end))),
            Span::Nothing => None,
        }
    }
}

/// The keys of [`Table::Index`](super::Table::Index) for a range of keys.
pub(crate) fn index_range((start, end): KeyRange<'_>) -> OwnedRange {
    let last = |key| index_key(key, i64::MAX);
    let start = match start {
        Included(key) => Included(index_prefix(key)),
        Excluded(key) => Excluded(last(key)),
        Unbounded => Unbounded,
    };
    let end = match end {
        Included(key) => Included(last(key)),
        Excluded(key) => Excluded(index_prefix(key)),
        Unbounded => Unbounded,
    };
    (start, end)
}

/// Lends the bounds of a range.
pub(crate) fn lend((start, end): &OwnedRange) -> KeyRange<'_> {
    (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice))
}
