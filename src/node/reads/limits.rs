//! How reads are cut.

/// Sizes of what is done at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// A read that looks at more records is long: applying waits for a short one, for less than a millisecond.
    pub short_records: usize,
    /// Records that a long read looks at before it is another's turn.
    pub slice_records: usize,
    /// A larger answer travels in pieces of about this size: small beside what a link has under way, so that what is
    /// urgent does not wait for long.
    pub piece_bytes: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { short_records: 1_000, slice_records: 10_000, piece_bytes: 256 << 10 }
    }
}
