//! The world around a process: everything that reaches in from outside of the program's own logic is handed in here,
//! so that a simulation can hand in another.

mod clock;
mod observer;

use std::sync::Arc;

pub use clock::Clock;
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
