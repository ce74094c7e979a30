//! The hash that two replicas compare. It is stable: it lies on disk and travels between versions of the program, so
//! its constants never change. It detects divergence and decay; it is no defence against forged collisions.

use super::Table;

// Odd, with bits that look random: the fractions of the square roots of 2, 3, 5 and 7.
const START_LOW: u64 = 0x6a09_e667_f3bc_c909;
const START_HIGH: u64 = 0xbb67_ae85_84ca_a73b;
const FACTOR_LOW: u64 = 0x3c6e_f372_fe94_f82b;
const FACTOR_HIGH: u64 = 0xa54f_f53a_5f1d_36f1;

/// What replicas compare of a set of records: the sum of their hashes, and how much they weigh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Sum of the hashes of the records.
    pub hash: u128,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

impl Digest {
    /// What one record adds.
    pub(crate) fn of(table: Table, key: &[u8], value: &[u8]) -> Self {
        Digest { hash: contribution(table, key, value), bytes: (key.len() + value.len()) as u64 }
    }

    pub(crate) fn plus(self, other: Digest) -> Self {
        Digest { hash: self.hash.wrapping_add(other.hash), bytes: self.bytes.wrapping_add(other.bytes) }
    }

    /// Wraps, so that a corrupt record makes a wrong sum and no panic.
    pub(crate) fn minus(self, other: Digest) -> Self {
        Digest { hash: self.hash.wrapping_sub(other.hash), bytes: self.bytes.wrapping_sub(other.bytes) }
    }
}

/// What one record adds to the content hash. The hash of a set of records is the wrapping sum of what each adds, so
/// that one change costs one addition and the order of changes leaves no mark.
fn contribution(table: Table, key: &[u8], value: &[u8]) -> u128 {
    let mut mixer = Mixer::new();
    mixer.word(number(table));
    mixer.bytes(key);
    mixer.bytes(value);
    mixer.finish()
}

/// Hashes a fixed number of words.
pub(crate) fn of_words(words: &[u64]) -> u64 {
    let mut mixer = Mixer::new();
    words.iter().for_each(|word| mixer.word(*word));
    mixer.finish() as u64
}

/// The number that stands for a table in hashes. It is spelt out because the order of the enum may change.
fn number(table: Table) -> u64 {
    match table {
        Table::Header => 0,
        Table::Current => 1,
        Table::History => 2,
        Table::Sessions => 3,
        Table::Replies => 4,
        Table::Members => 5,
        Table::Index => 6,
        Table::Alarms => 7,
    }
}

/// Two independent lanes of 64 bits. Each step is a bijection of a lane for any word, so a difference, once in, is
/// only lost where a later difference happens to cancel it.
struct Mixer {
    low: u64,
    high: u64,
}

impl Mixer {
    fn new() -> Self {
        Mixer { low: START_LOW, high: START_HIGH }
    }

    fn word(&mut self, word: u64) {
        self.low = (self.low ^ word).wrapping_mul(FACTOR_LOW);
        self.low ^= self.low >> 32;
        self.high = self.high.wrapping_add(word).wrapping_mul(FACTOR_HIGH);
        self.high ^= self.high >> 29;
    }

    /// The length goes first: it tells padding from zeros, and a key's end from a value's start.
    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let (chunks, rest) = bytes.as_chunks::<8>();
        chunks.iter().for_each(|chunk| self.word(u64::from_le_bytes(*chunk)));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(last));
        }
    }

    fn finish(self) -> u128 {
        u128::from(avalanche(self.high)) << 64 | u128::from(avalanche(self.low))
    }
}

/// Spreads every bit over all others: two rounds of xor-shift and multiplication, and a last xor-shift.
fn avalanche(mut x: u64) -> u64 {
    x = (x ^ x >> 31).wrapping_mul(FACTOR_HIGH);
    x = (x ^ x >> 29).wrapping_mul(FACTOR_LOW);
    x ^ x >> 32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_digest_weighs_key_and_value_and_tells_tables_apart() {
        let digests = Table::ALL.map(|table| Digest::of(table, b"key", b"value"));
        assert!(digests.iter().all(|digest| digest.bytes == 8));
        let hashes: BTreeSet<u128> = digests.iter().map(|digest| digest.hash).collect();
        assert_eq!(hashes.len(), Table::ALL.len());
    }

    #[test]
    fn the_hash_on_disk_never_changes() {
        assert_eq!(
            contribution(Table::Current, b"key", b"a value of several words"),
            0x2dff_cd34_28e2_20a9_5f36_6300_897f_7049
        );
        assert_eq!(of_words(&[1, 2, 3]), 0x1a67_d3cd_fe72_e645);
    }

    #[test]
    fn where_a_key_ends_matters() {
        let moved = [(&b"ab"[..], &b"c"[..]), (b"a", b"bc"), (b"abc", b""), (b"", b"abc"), (b"abc\0", b"")];
        let hashes: BTreeSet<u128> = moved.iter().map(|(k, v)| contribution(Table::Current, k, v)).collect();
        assert_eq!(hashes.len(), moved.len());
    }

    #[test]
    fn one_bit_changes_about_half_of_the_hash() {
        let value = [7u8; 40];
        let before = contribution(Table::Current, b"key", &value);
        for bit in 0..value.len() * 8 {
            let mut changed = value;
            changed[bit / 8] ^= 1 << (bit % 8);
            let difference = before ^ contribution(Table::Current, b"key", &changed);
            for lane in [difference as u64, (difference >> 64) as u64] {
                assert!((12..=52).contains(&lane.count_ones()), "bit {bit}: {lane:064b}");
            }
        }
    }
}
