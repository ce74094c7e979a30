//! Keyed randomness: a draw is a hash of (seed, domain, actor, counter). Taking one fault or one client out of a
//! scenario leaves every other draw in place, which is what makes shrinking work.

/// A stream of draws for one actor in one domain.
#[derive(Clone, Debug)]
pub struct Draw {
    key: u64,
    counter: u64,
}

impl Draw {
    /// The stream of `actor` (a node, a client, ...) in `domain` (what the draws are for).
    pub fn new(seed: u64, domain: &str, actor: u64) -> Self {
        let domain = domain.bytes().fold(seed, |key, byte| mix(key ^ u64::from(byte)));
        Self { key: mix(domain ^ mix(actor)), counter: 0 }
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.counter += 1;
        mix(self.key.wrapping_add(mix(self.counter)))
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "nothing is below 0");
        self.number() % bound
    }

    /// A number of `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True in `percent` of 100 draws.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// Some of several, in their order; each with the same chance, and at least one.
    pub fn some_of<T: Clone>(&mut self, choices: &[T], percent: u64) -> Vec<T> {
        let chosen: Vec<T> = choices.iter().filter(|_| self.chance(percent)).cloned().collect();
        match chosen.is_empty() {
            true => vec![self.pick(choices).clone()],
            false => chosen,
        }
    }

    /// Puts several into an order, each with the same chance (Fisher and Yates).
    pub fn shuffle<T>(&mut self, several: &mut [T]) {
        for place in (1..several.len()).rev() {
            several.swap(place, self.below(place as u64 + 1) as usize);
        }
    }
}

/// The finaliser of SplitMix64.
fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_of_two_actors_or_domains_have_nothing_in_common() {
        let first: Vec<u64> = std::iter::repeat_with({
            let mut draw = Draw::new(1, "faults", 1);
            move || draw.number()
        })
        .take(1000)
        .collect();
        for mut other in [Draw::new(1, "faults", 2), Draw::new(1, "clients", 1), Draw::new(2, "faults", 1)] {
            assert!((0..1000).all(|_| !first.contains(&other.number())));
        }
    }
}
