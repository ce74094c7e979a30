//! Simulated time, and the clocks of machines.

use std::time::Duration;

use conclave::env::Clock;

/// Simulated time begins here, on every run: a round number of the year 2026.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// Nanoseconds of simulated time since the run began.
pub(crate) fn now_ns() -> u64 {
    madsim::time::TimeHandle::current().elapsed().as_nanos() as u64
}

/// The clock of a new machine. It goes on while processes come and go.
pub(super) fn machine_clock() -> Clock {
    Clock::new(EPOCH + Duration::from_nanos(now_ns()))
}
