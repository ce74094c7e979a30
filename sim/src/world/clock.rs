//! Simulated time, and the clocks of machines.

use std::time::Duration;

use conclave::env::{Clock, ClockControl};

/// Simulated time begins here, on every run: a round number of the year 2026.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// Nanoseconds of simulated time since the run began.
pub(crate) fn now_ns() -> u64 {
    madsim::time::TimeHandle::current().elapsed().as_nanos() as u64
}

/// The clock of a new machine, and what makes it wrong. It goes on while processes come and go.
pub(super) fn machine_clock() -> (Clock, ClockControl) {
    Clock::adjustable(EPOCH + Duration::from_nanos(now_ns()))
}
