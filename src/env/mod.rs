//! The world around a process: everything that reaches in from outside of the program's own logic is handed in here,
//! so that a simulation can hand in another.
//!
//! | file | idea |
//! | --- | --- |
//! | `clock.rs` | the only clock: sleeps, timeouts, deadlines, wall time |
//! | `alarm.rs` | a timer that is set again and again |
//! | `observer.rs` | who watches what a node or a proxy does |
//! | `health.rs` | whether a process lives, and is ready |
//! | `metric.rs` | what is measured, and how |
//! | `rare.rs` | rare states that a simulation should reach |
//! | `buggify.rs` | points where a simulation may choose what seldom happens |
//! | `knob.rs` | limits and sizes that a simulation may set |
//! | `hooks.rs` | how a simulation reaches all three |

mod alarm;
mod buggify;
mod clock;
mod health;
mod hooks;
mod knob;
mod metric;
mod observer;
mod rare;

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub use alarm::Alarm;
pub use buggify::Buggify;
pub use clock::{Clock, ClockControl, Elapsed, Moment};
pub use health::{Condition, Health};
#[cfg(madsim)]
pub use hooks::{Hooked, Hooks, hook};
pub(crate) use hooks::{buggify, buggify_pause, buggify_stall, knob, knob_ms, reached, sometimes};
pub use knob::Knob;
pub use metric::Metric;
pub use observer::{Nobody, Observer, Routing};
pub use rare::Rare;

/// Target of the spans of calls, which only who collects traces wants.
pub const SPANS: &str = "conclave::spans";

/// What a process is handed at its start.
#[derive(Clone)]
pub struct Environment {
    /// Its machine's clock.
    pub clock: Clock,
    /// Seed of all of its randomness; another one at each start.
    pub seed: u64,
    /// Who watches it.
    pub observer: Arc<dyn Observer>,
    /// Where it says how it is.
    pub health: Health,
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
