//! How a process is: whether it lives, and whether it is ready to serve. The program writes it; the gRPC health service,
//! the HTTP port of an operator's tools and the service manager read it.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::Clock;

/// A task that decides shows a sign of life at least every second; who shows none for so long hangs.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// How a process is. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The last sign of life, in microseconds of the process's clock.
    beat_us: AtomicU64,
    condition: Mutex<Condition>,
}

/// What a process can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// It reads its data, and serves nobody yet.
    #[default]
    Starting,
    /// It serves, but not all that it is asked for; this is why.
    NotReady(String),
    /// It serves.
    Ready,
    /// It was told to stop, and takes nothing new.
    Stopping,
}

impl Health {
    /// The task that decides is about its work.
    pub fn beat(&self, clock: &Clock) {
        self.0.beat_us.store(clock.elapsed_us(), Ordering::Relaxed);
    }

    /// Whether there was a sign of life of late. Who starts is given the time that it takes.
    pub fn is_alive(&self, clock: &Clock) -> bool {
        let silent_us = clock.elapsed_us().saturating_sub(self.0.beat_us.load(Ordering::Relaxed));
        silent_us < SILENCE_MAX.as_micros() as u64 || self.condition() == Condition::Starting
    }

    /// What the process can do now.
    pub fn condition(&self) -> Condition {
        self.locked().clone()
    }

    /// The process can do this from now on. Who stops does not come back.
    pub fn set(&self, condition: Condition) {
        let mut present = self.locked();
        if *present != Condition::Stopping {
            *present = condition;
        }
    }

    fn locked(&self) -> MutexGuard<'_, Condition> {
        self.0.condition.lock().expect("nobody panics with it")
    }
}

impl Condition {
    /// It serves all that it is asked for.
    pub fn is_ready(&self) -> bool {
        *self == Self::Ready
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::NotReady(why) => write!(f, "not ready: {why}"),
            Self::Ready => f.write_str("ready"),
            Self::Stopping => f.write_str("stopping"),
        }
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_shows_no_sign_of_life_for_long_hangs() {
        let (clock, control) = Clock::adjustable(Duration::ZERO);
        // A thousand times as fast.
        control.set_drift_ppm(999_000_000);
        let health = Health::default();
        clock.sleep(SILENCE_MAX * 2).await;
        assert!(health.is_alive(&clock), "it reads its data");
        health.set(Condition::Ready);
        assert!(!health.is_alive(&clock));
        health.beat(&clock);
        assert!(health.is_alive(&clock));
        clock.sleep(SILENCE_MAX).await;
        assert!(!health.is_alive(&clock));
    }

    #[test]
    fn who_stops_does_not_come_back() {
        let health = Health::default();
        health.set(Condition::NotReady("no leader is known".into()));
        assert_eq!(health.condition().to_string(), "not ready: no leader is known");
        health.set(Condition::Stopping);
        health.set(Condition::Ready);
        assert_eq!(health.condition(), Condition::Stopping);
    }
}
