//! Configurations that a search has been in: which operations were linearised, and the state that they led to.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasherDefault, Hash, Hasher},
};

use crate::states::Spread;

/// So many ways to have come to one place are remembered.
const WAYS_MAX: usize = 32;

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

/// Linearised operations of known outcome, and the state that they led to, its revision apart.
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

/// What it took to come to a configuration: the revision, and which operations of unknown outcome.
#[derive(PartialEq, Eq)]
pub(crate) struct Way {
    revision: i64,
    unknown: Box<[u64]>,
}

impl Way {
    pub(crate) fn new(revision: i64, unknown: &Linearised) -> Self {
        let used = unknown.words.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1);
        Self { revision, unknown: unknown.words[..used].into() }
    }

    /// Whether all that can follow the other one can follow this: it came no further in revisions, and whatever it has
    /// used the other one has used as well.
    fn allows_all_of(&self, other: &Self) -> bool {
        let is_used = |(word, other): (&u64, &u64)| word & !other == 0;
        self.revision <= other.revision
            && self.unknown.len() <= other.unknown.len()
            && self.unknown.iter().zip(&other.unknown).all(is_used)
    }
}

/// The configurations, and the ways there.
#[derive(Default)]
pub(crate) struct Configurations {
    seen: HashMap<Configuration, Ways, BuildHasherDefault<Spread>>,
    bytes_elsewhere: usize,
}

/// None of them allows all that another one does. Most often there is one.
struct Ways {
    first: Way,
    others: Vec<Way>,
}

impl Configurations {
    /// Adds one, with the way there. False: it was there, and the way to it allowed as much.
    pub(crate) fn add(&mut self, configuration: Configuration, way: Way) -> bool {
        let (far, unknown) = (size_of_val(&*configuration.far), size_of_val(&*way.unknown));
        match self.seen.entry(configuration) {
            Entry::Vacant(entry) => {
                entry.insert(Ways { first: way, others: Vec::new() });
                self.bytes_elsewhere += far + unknown;
                true
            }
            Entry::Occupied(mut entry) => {
                let is_new = entry.get_mut().add(way);
                self.bytes_elsewhere += if is_new { size_of::<Way>() + unknown } else { 0 };
                is_new
            }
        }
    }

    /// About what is remembered, at most.
    pub(crate) fn bytes(&self) -> usize {
        self.seen.capacity() * (size_of::<(Configuration, Ways)>() + 1) + self.bytes_elsewhere
    }
}

impl Ways {
    /// Adds one, in place of those that it allows all of. False: one that is there allows all of it.
    fn add(&mut self, way: Way) -> bool {
        if self.first.allows_all_of(&way) || self.others.iter().any(|known| known.allows_all_of(&way)) {
            return false;
        }
        self.others.retain(|known| !way.allows_all_of(known));
        if way.allows_all_of(&self.first) {
            self.first = way;
        } else {
            if self.others.len() == WAYS_MAX {
                self.others.remove(0);
            }
            self.others.push(way);
        }
        true
    }
}

/// The number that is drawn for a number: Steele's splitmix.
fn drawn(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
