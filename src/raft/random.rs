//! The core's own small generator: handed a seed, it depends on nothing else, and copying a node copies it too.

/// SplitMix64: a counter through a mixing function. Good enough to spread timeouts; nothing secret hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A draw from `low..=high`. Where there is no choice, nothing is drawn.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        assert!(low <= high, "an empty range has no draw: {low}..={high}");
        if low == high {
            return low;
        }
        low + (self.next() % u64::from(high - low + 1)) as u32
    }
}
