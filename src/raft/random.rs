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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_draws_what_every_splitmix64_does() {
        let mut random = Random::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_draw_comes_to_both_ends_and_no_further() {
        let mut random = Random::new(1);
        let drawn: std::collections::BTreeSet<u32> = (0..100).map(|_| random.between(10, 13)).collect();
        assert_eq!(drawn, [10, 11, 12, 13].into());
        let before = random.clone();
        assert_eq!(random.between(7, 7), 7);
        assert_eq!(random, before, "nothing is drawn");
    }
}
