//! The only clock of nodes and proxies: handed in, so that a simulation can skew and stretch it per node.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// A node's view of time. Timers stretch with its drift; wall time jumps with its skew.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The moment the clock was made, on both scales: wall time is derived from the monotonic clock.
    started: Instant,
    started_unix: Duration,
    skew_ms: AtomicI64,
    /// How much faster (or slower) than true time this clock runs, in parts per million.
    drift_ppm: AtomicI64,
    /// The latest moment shown: a change of the drift must not turn time back.
    latest_us: AtomicU64,
}

impl Clock {
    /// A true clock. `unix_time` is the present time since 1970.
    pub fn new(unix_time: Duration) -> Self {
        Self(Arc::new(Inner {
            started: Instant::now(),
            started_unix: unix_time,
            skew_ms: AtomicI64::new(0),
            drift_ppm: AtomicI64::new(0),
            latest_us: AtomicU64::new(0),
        }))
    }

    /// Milliseconds since 1970, as this node believes.
    pub fn unix_ms(&self) -> u64 {
        let elapsed = self.0.started.elapsed();
        let drift_ppm = self.0.drift_ppm.load(Ordering::Relaxed);
        let drifted_ms = elapsed.as_millis() as i64 + elapsed.as_millis() as i64 * drift_ppm / 1_000_000;
        let now_ms =
            self.0.started_unix.as_millis() as i64 + drifted_ms + self.0.skew_ms.load(Ordering::Relaxed);
        now_ms.max(0) as u64
    }

    /// Microseconds of this node's time since the clock was made. Never runs backwards.
    pub fn elapsed_us(&self) -> u64 {
        let elapsed_us = self.0.started.elapsed().as_micros() as i64;
        let drifted_us = elapsed_us + elapsed_us * self.0.drift_ppm.load(Ordering::Relaxed) / 1_000_000;
        let latest_us = self.0.latest_us.fetch_max(drifted_us.max(0) as u64, Ordering::Relaxed);
        latest_us.max(drifted_us.max(0) as u64)
    }

    /// Waits for a span of this node's time.
    pub async fn sleep(&self, span: Duration) {
        tokio::time::sleep(self.true_span(span)).await;
    }

    /// How long a span of this node's time truly lasts.
    pub fn true_span(&self, span: Duration) -> Duration {
        let drift_ppm = self.0.drift_ppm.load(Ordering::Relaxed);
        span.mul_f64(1_000_000.0 / (1_000_000 + drift_ppm).max(1) as f64)
    }

    /// Sets the clock wrong by this much, from now on.
    pub fn set_skew_ms(&self, skew_ms: i64) {
        self.0.skew_ms.store(skew_ms, Ordering::Relaxed);
    }

    /// Lets the clock run fast (positive) or slow, from now on.
    pub fn set_drift_ppm(&self, drift_ppm: i64) {
        self.0.drift_ppm.store(drift_ppm, Ordering::Relaxed);
    }
}
