//! Which version of the generator this program has.

use std::hash::Hasher;

use conclave_checks::StableHash;

use super::{BEYOND_SEEDS, generate, version::Version};

/// The scenarios of so many seeds stand for those of all: enough of them to draw whatever the generator may.
const SEEDS: u64 = 300;

/// That of this program.
pub fn version() -> Version {
    let mut hash = StableHash::default();
    for seed in (0..SEEDS).chain([BEYOND_SEEDS]) {
        hash.write(&serde_json::to_vec(&generate(seed)).expect("a scenario is plain data"));
    }
    Version::of(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_each_time() {
        assert_eq!(version(), version());
    }
}
