//! Configurations that a search has been in: which operations were linearised, and the state that they led to.

use std::{
    collections::HashSet,
    hash::{BuildHasherDefault, Hash, Hasher},
};

use crate::states::Spread;

/// Which operations are linearised, by the order of their calls. Before some place all are, after another one none is:
/// only what is between needs to be told.
pub(crate) struct Linearised {
    words: Vec<u64>,
    /// A number drawn for each member, all of them combined by exclusive or (Zobrist 1970).
    hash: u64,
}

impl Linearised {
    pub(crate) fn new(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(64)], hash: 0 }
    }

    pub(crate) fn contains(&self, rank: usize) -> bool {
        self.words[rank / 64] & (1 << (rank % 64)) != 0
    }

    pub(crate) fn flip(&mut self, rank: usize) {
        self.words[rank / 64] ^= 1 << (rank % 64);
        self.hash ^= drawn(rank as u64);
    }

    /// With a state, where all before one rank and none after another are linearised.
    pub(crate) fn with(&self, state: u32, all_before: usize, none_after: usize) -> Configuration {
        let first = all_before / 64;
        let between = self.words.get(first..=none_after / 64).unwrap_or_default();
        let mut near = [0; 2];
        let (close, far) = between.split_at(between.len().min(2));
        near[..close.len()].copy_from_slice(close);
        let hash = self.hash ^ drawn(u64::from(state) | 1 << 63);
        Configuration { hash, state, first: first as u32, near, far: far.into() }
    }
}

/// Linearised operations, and the state that they led to.
#[derive(PartialEq, Eq)]
pub(crate) struct Configuration {
    hash: u64,
    state: u32,
    /// Where the words begin.
    first: u32,
    near: [u64; 2],
    far: Box<[u64]>,
}

impl Hash for Configuration {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.hash);
    }
}

/// The configurations.
#[derive(Default)]
pub(crate) struct Configurations {
    seen: HashSet<Configuration, BuildHasherDefault<Spread>>,
    far_bytes: usize,
}

impl Configurations {
    /// Adds one. False: it was there.
    pub(crate) fn add(&mut self, configuration: Configuration) -> bool {
        let far_bytes = size_of_val(&*configuration.far);
        let is_new = self.seen.insert(configuration);
        self.far_bytes += if is_new { far_bytes } else { 0 };
        is_new
    }

    /// About what is remembered.
    pub(crate) fn bytes(&self) -> usize {
        self.seen.capacity() * (size_of::<Configuration>() + 1) + self.far_bytes
    }
}

/// The number that is drawn for a number: Steele's splitmix.
fn drawn(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
