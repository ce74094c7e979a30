//! The world around a process: everything that reaches in from outside of the program's own logic is handed in here,
//! so that a simulation can hand in another.
//!
//! | file | idea |
//! | --- | --- |
//! | `clock.rs` | the only clock: sleeps, timeouts, deadlines, wall time |
//! | `observer.rs` | who watches what a node does |

mod clock;
mod observer;

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub use clock::{Clock, ClockControl, Elapsed, Moment};
pub use observer::{Nobody, Observer};

/// What a process is handed at its start.
#[derive(Clone)]
pub struct Environment {
    /// Its machine's clock.
    pub clock: Clock,
    /// Seed of all of its randomness; another one at each start.
    pub seed: u64,
    /// Who watches it.
    pub observer: Arc<dyn Observer>,
}

impl Environment {
    /// Randomness for one purpose. Each purpose draws from a stream of its own, so that more draws for one leave the
    /// others as they were.
    pub fn random(&self, purpose: &str) -> ChaCha8Rng {
        let mix =
            |seed: u64, byte: u8| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
        ChaCha8Rng::seed_from_u64(purpose.bytes().fold(self.seed, mix))
    }
}
