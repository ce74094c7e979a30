//! The ranges of keys that requests name.

use std::ops::Bound::{self, Excluded, Included, Unbounded};

use super::{
    KeyRange,
    record::{history_key, history_prefix},
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

    /// The keys of [`Table::History`](super::Table::History) in the span that a read at a revision must see, or
    /// nothing. Of one key these end at the revision, so that the last of them is the one that counts.
    pub(crate) fn history(self, revision: i64) -> Option<OwnedRange> {
        match self {
            Span::Key(key) => Some((Included(history_prefix(key)), Included(history_key(key, revision)))),
            Span::From(key) => Some((Included(history_prefix(key)), Unbounded)),
            Span::Between(key, end) => Some((Included(history_prefix(key)), Excluded(history_prefix(end)))),
            Span::Nothing => None,
        }
    }
}

/// Lends the bounds of a range.
pub(crate) fn lend((start, end): &OwnedRange) -> KeyRange<'_> {
    (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice))
}
