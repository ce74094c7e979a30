//! When a benchmark measures.

use std::time::Duration;

use tokio::time::Instant;

/// From the end of the warm-up on.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) start: Instant,
    pub(super) end: Instant,
}

impl Window {
    pub(super) fn length(&self) -> Duration {
        self.end - self.start
    }
}
