//! The only clock of nodes, proxies, clients and servers: every sleep, timeout and deadline is measured by it, so that a
//! simulation can let each machine's clock run fast or slow and jump.

use std::{
    fmt,
    ops::Add,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::Instant;

/// Parts in a million.
const PPM: i64 = 1_000_000;

/// A machine's clock. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The moment at which the clock showed zero.
    started: Instant,
    wall_time: WallTime,
    /// Where the clock departs from true time. `None`: it never does, and reading it takes no lock.
    error: Option<Arc<Mutex<ClockError>>>,
}

/// Where the time since 1970 comes from.
#[derive(Clone, Copy, Debug)]
enum WallTime {
    /// It was this when the clock started.
    Since(Duration),
    /// Somebody is asked for it, who may set it meanwhile.
    Asked(fn() -> Duration),
}

/// A moment on one machine's clock: the time since that clock started. Moments of different clocks are not comparable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

/// How a clock departs from true time: piecewise linear, so that a change of rate changes nothing that is past.
#[derive(Debug, Default)]
struct ClockError {
    /// Where the present piece begins, in true time and on this clock.
    true_us: u64,
    shown_us: u64,
    /// How much faster (or slower) than true time the clock runs in this piece, in parts per million.
    drift_ppm: i64,
    /// What is added to wall time; the monotonic clock knows nothing of it.
    skew_ms: i64,
    /// It has shown this already: time that passed within one poll of its machine, of which the others know nothing yet.
    floor_us: u64,
    /// When it was read last, in true time, and how often it was read then.
    read_at_us: u64,
    readings: u32,
}

/// So often nothing reads a clock that has anything else to do: a task goes round and round, and simulated time will never pass.
const READINGS_MAX: u32 = 1_000_000;

/// Makes a clock wrong: only a simulation has it.
#[derive(Clone, Debug)]
pub struct ClockControl {
    started: Instant,
    error: Arc<Mutex<ClockError>>,
}

/// A span ended before what was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(pub Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not within {:?}", self.0)
    }
}

impl std::error::Error for Elapsed {}

impl Clock {
    /// A true clock. `unix_time` is the present time since 1970.
    pub fn new(unix_time: Duration) -> Self {
        Self { started: Instant::now(), wall_time: WallTime::Since(unix_time), error: None }
    }

    /// The clock of this system, which `unix_time` asks for the present time since 1970.
    pub fn of_system(unix_time: fn() -> Duration) -> Self {
        Self { wall_time: WallTime::Asked(unix_time), ..Self::new(Duration::ZERO) }
    }

    /// A clock that can be made wrong.
    pub fn adjustable(unix_time: Duration) -> (Self, ClockControl) {
        let error = Arc::<Mutex<ClockError>>::default();
        let clock = Self { error: Some(error.clone()), ..Self::new(unix_time) };
        let control = ClockControl { started: clock.started, error };
        (clock, control)
    }

    /// The present moment. Never runs backwards.
    pub fn now(&self) -> Moment {
        let elapsed = self.started.elapsed();
        match &self.error {
            None => Moment(elapsed),
            Some(error) => {
                let (shown_us, readings) = locked(error).read_us(elapsed.as_micros() as u64);
                assert!(
                    readings < READINGS_MAX,
                    "the clock is read without end, and no time passes: a task goes round and round"
                );
                Moment(Duration::from_micros(shown_us))
            }
        }
    }

    /// Milliseconds since 1970, as this machine believes. Jumps when its wall time is set.
    pub fn unix_ms(&self) -> u64 {
        let skew_ms = self.error.as_ref().map_or(0, |error| locked(error).skew_ms);
        let unix_time = match self.wall_time {
            WallTime::Since(started) => started + self.now().0,
            WallTime::Asked(unix_time) => unix_time(),
        };
        let unix_ms = unix_time.as_millis() as i64 + skew_ms;
        unix_ms.max(0) as u64
    }

    /// Microseconds of this clock's time since it started.
    pub fn elapsed_us(&self) -> u64 {
        self.now().0.as_micros() as u64
    }

    /// Waits for a span of this clock's time.
    pub async fn sleep(&self, span: Duration) {
        self.sleep_until(self.now() + span).await;
    }

    /// Waits for a moment of this clock. A clock whose rate changes meanwhile is read again.
    pub async fn sleep_until(&self, moment: Moment) {
        loop {
            let left = moment.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(self.true_span(left)).await;
            if self.error.is_none() {
                return;
            }
        }
    }

    /// Waits for something, but no longer than a span of this clock's time.
    ///
    /// # Errors
    /// The span ended first.
    pub async fn timeout<T>(&self, span: Duration, awaited: impl Future<Output = T>) -> Result<T, Elapsed> {
        tokio::time::timeout(self.true_span(span), awaited).await.map_err(|_| Elapsed(span))
    }

    /// How long a span of this clock's time truly lasts, at its present rate.
    fn true_span(&self, span: Duration) -> Duration {
        match &self.error {
            None => span,
            Some(error) => span.mul_f64(PPM as f64 / (PPM + locked(error).drift_ppm).max(1) as f64),
        }
    }
}

impl Moment {
    /// The span from an earlier moment to this one; zero if that one is not earlier.
    pub fn since(self, earlier: Moment) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, span: Duration) -> Moment {
        Moment(self.0.saturating_add(span))
    }
}

impl ClockControl {
    /// Sets the machine's wall time wrong by this much, from now on.
    pub fn set_skew_ms(&self, skew_ms: i64) {
        locked(&self.error).skew_ms = skew_ms;
    }

    /// Lets the clock run fast (positive) or slow, from now on, in parts per million.
    pub fn set_drift_ppm(&self, drift_ppm: i64) {
        let true_us = self.started.elapsed().as_micros() as u64;
        let mut error = locked(&self.error);
        let shown_us = error.running_us(true_us);
        *error = ClockError { true_us, shown_us, drift_ppm, ..*error };
    }

    /// Lets the clock jump ahead by so much.
    pub fn jump_us(&self, ahead_us: u64) {
        locked(&self.error).shown_us += ahead_us;
    }

    /// So much time passes at once, within whatever its machine is at. Until that is over in true time the clock stands still, and
    /// the machine has to.
    pub fn stall_us(&self, span_us: u64) {
        let true_us = self.started.elapsed().as_micros() as u64;
        locked(&self.error).stall_us(true_us, span_us);
    }

    /// The clock shows time that has not passed yet: its machine has to stand still.
    pub fn stands_still(&self) -> bool {
        let true_us = self.started.elapsed().as_micros() as u64;
        locked(&self.error).stands_still(true_us)
    }

    /// Whoever has seen the time that has not passed yet is dead: the clock shows what it would have without.
    pub fn end_stall(&self) {
        locked(&self.error).floor_us = 0;
    }
}

impl ClockError {
    /// What the clock shows so long after it was started.
    fn shown_us(&self, true_us: u64) -> u64 {
        self.floor_us.max(self.running_us(true_us))
    }

    /// The same, and how often it was asked for since time has last passed.
    fn read_us(&mut self, true_us: u64) -> (u64, u32) {
        self.readings = if true_us == self.read_at_us { self.readings + 1 } else { 1 };
        self.read_at_us = true_us;
        (self.shown_us(true_us), self.readings)
    }

    fn stall_us(&mut self, true_us: u64, span_us: u64) {
        self.floor_us = self.shown_us(true_us) + span_us;
    }

    fn stands_still(&self, true_us: u64) -> bool {
        self.floor_us > self.running_us(true_us)
    }

    fn running_us(&self, true_us: u64) -> u64 {
        let since_us = true_us.saturating_sub(self.true_us);
        let drift_us = i128::from(since_us) * i128::from(self.drift_ppm) / i128::from(PPM);
        self.shown_us + (i128::from(since_us) + drift_us).max(0) as u64
    }
}

fn locked(error: &Mutex<ClockError>) -> MutexGuard<'_, ClockError> {
    error.lock().expect("nobody panics with it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_a_system_is_set_by_others() {
        use std::sync::atomic::{AtomicU64, Ordering};
        static UNIX_MS: AtomicU64 = AtomicU64::new(7);
        let clock = Clock::of_system(|| Duration::from_millis(UNIX_MS.load(Ordering::Relaxed)));
        assert_eq!(clock.unix_ms(), 7);
        UNIX_MS.store(3, Ordering::Relaxed);
        assert_eq!(clock.unix_ms(), 3);
    }

    #[test]
    fn a_change_of_rate_changes_nothing_that_is_past() {
        let mut error = ClockError { drift_ppm: 100_000, ..ClockError::default() };
        assert_eq!(error.shown_us(10_000_000), 11_000_000);
        error = ClockError { true_us: 10_000_000, shown_us: error.shown_us(10_000_000), ..error };
        error.drift_ppm = 0;
        assert_eq!(error.shown_us(10_000_000), 11_000_000, "time stands still for nobody");
        assert_eq!(error.shown_us(10_000_001), 11_000_001);
        error.drift_ppm = -500_000;
        assert_eq!(error.shown_us(12_000_000), 12_000_000);
    }

    #[test]
    fn readings_count_as_long_as_no_time_passes() {
        let mut error = ClockError::default();
        assert_eq!(
            [7, 7, 7, 8, 8].map(|true_us| error.read_us(true_us)),
            [(7, 1), (7, 2), (7, 3), (8, 1), (8, 2)]
        );
    }

    #[test]
    fn a_clock_that_stands_still_or_jumps_never_runs_backwards() {
        let mut error = ClockError { drift_ppm: -PPM, ..ClockError::default() };
        assert_eq!(error.shown_us(10_000_000), 0);
        error = ClockError { true_us: 10_000_000, shown_us: 5_000, drift_ppm: 0, ..error };
        assert_eq!(error.shown_us(10_000_001), 5_001);
        error.floor_us = 7_000;
        assert_eq!(error.shown_us(10_001_000), 7_000, "the time until then has passed already");
        assert_eq!(error.shown_us(10_003_000), 8_000);
    }

    #[test]
    fn stalls_add_up_and_the_clock_stands_still_for_as_long() {
        let mut error = ClockError { drift_ppm: -PPM / 10, ..ClockError::default() };
        (0..3).for_each(|_| error.stall_us(0, 3_000));
        assert_eq!(error.shown_us(0), 9_000);
        assert!(error.stands_still(9_000), "it is slow: after 9 ms it has come to 8.1 ms");
        assert!(!error.stands_still(10_000));
        assert_eq!(error.shown_us(20_000), 18_000);
    }

    #[test]
    fn moments_do_not_overflow() {
        let late = Moment::default() + Duration::MAX + Duration::MAX;
        assert_eq!(Moment::default().since(late), Duration::ZERO);
    }
}
