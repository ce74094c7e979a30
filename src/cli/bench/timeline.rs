//! How it went second by second: over a whole measurement a stall is hidden by all that went well.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use hdrhistogram::Histogram;
use tokio::time::Instant;

use super::window::Window;

/// Two digits: a second takes about 5 KiB, so hours can be measured.
const DIGITS: u8 = 2;
/// An hour: no deadline lets an operation take longer, and histograms grow with their greatest value.
const MICROSECONDS_MAX: u64 = 3_600_000_000;
const SECOND: Duration = Duration::from_secs(1);
/// More lines of a timeline than that nobody reads.
const STRETCHES: u64 = 30;

/// What ended in each second of the window.
pub(super) struct Timeline {
    window: Window,
    /// The last may be shorter.
    seconds: Vec<Mutex<Second>>,
}

struct Second {
    /// Microseconds of each success.
    latencies: Histogram<u32>,
    failures: u64,
}

/// A second, or several that follow one another.
pub(super) struct Stretch {
    /// When it began, and ended, after the window's start.
    pub(super) from: Duration,
    pub(super) to: Duration,
    /// Microseconds of each success.
    pub(super) latencies: Histogram<u32>,
    pub(super) failures: u64,
}

impl Timeline {
    pub(super) fn new(window: Window) -> Self {
        let count = window.length().as_nanos().div_ceil(SECOND.as_nanos());
        Self { window, seconds: (0..count).map(|_| Mutex::new(Second::new())).collect() }
    }

    /// Counts an operation that ended, if that was within the window.
    pub(super) fn record(&self, ended: Instant, took: Duration, is_success: bool) {
        let Some(after) = ended.checked_duration_since(self.window.start) else { return };
        let Some(second) = self.seconds.get(after.as_secs() as usize) else { return };
        let mut second = locked(second);
        if !is_success {
            second.failures += 1;
        } else if ended <= self.window.end {
            let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let recorded = second.latencies.record(microseconds.clamp(1, MICROSECONDS_MAX));
            recorded.expect("it grows as needed");
        }
    }

    /// The window in stretches of this length, which is in whole seconds; the last may be shorter.
    pub(super) fn stretches(&self, length: Duration) -> Vec<Stretch> {
        let count = length.as_secs().max(1) as usize;
        let chunks = self.seconds.chunks(count).enumerate();
        chunks.map(|(number, seconds)| self.stretch(number * count, seconds)).collect()
    }

    /// The second with the highest p99.
    pub(super) fn worst(&self) -> Option<Stretch> {
        let succeeded = self.stretches(SECOND).into_iter().filter(|second| !second.latencies.is_empty());
        succeeded.max_by_key(|second| second.latencies.value_at_percentile(99.0))
    }

    /// In how many seconds no client had a success.
    pub(super) fn silent_seconds(&self) -> usize {
        self.seconds.iter().filter(|second| locked(second).latencies.is_empty()).count()
    }

    fn stretch(&self, first: usize, seconds: &[Mutex<Second>]) -> Stretch {
        let mut all = Second::new();
        for second in seconds {
            let second = locked(second);
            all.latencies.add(&second.latencies).expect("it grows as needed");
            all.failures += second.failures;
        }
        let at = |second: usize| Duration::from_secs(second as u64).min(self.window.length());
        let Second { latencies, failures } = all;
        Stretch { from: at(first), to: at(first + seconds.len()), latencies, failures }
    }
}

impl Second {
    fn new() -> Self {
        Self { latencies: Histogram::new(DIGITS).expect("two digits are allowed"), failures: 0 }
    }
}

impl Stretch {
    /// Successes a second.
    pub(super) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / (self.to - self.from).as_secs_f64()
    }
}

/// How long a line of the timeline is when nobody says so: a second, if that does not make too many lines.
pub(super) fn default_interval(window: Duration) -> Duration {
    SECOND * u32::try_from(window.as_secs().div_ceil(STRETCHES).max(1)).expect("a window is at most a day")
}

fn locked(second: &Mutex<Second>) -> MutexGuard<'_, Second> {
    second.lock().expect("nobody panics with it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Timeline {
        let start = Instant::now();
        let timeline = Timeline::new(Window { start, end: start + Duration::from_millis(3_500) });
        let record = |at_ms, took_ms, is_success| {
            let [at, took] = [at_ms, took_ms].map(Duration::from_millis);
            timeline.record(start + at, took, is_success);
        };
        (1..=100).for_each(|number| record(5 * number, 2, true));
        record(1_200, 900, false);
        (1..=10).for_each(|number| record(2_000 + number, 1_500, true));
        (1..=10).for_each(|number| record(3_000 + number, 3, true));
        // Too late.
        record(3_600, 1, true);
        timeline
    }

    #[test]
    fn each_second_has_its_own_figures() {
        let seconds = example().stretches(SECOND);
        let rates: Vec<f64> = seconds.iter().map(Stretch::per_second).collect();
        assert_eq!(rates, [100.0, 0.0, 10.0, 20.0], "the last second is half a second");
        assert_eq!(seconds.iter().map(|second| second.failures).collect::<Vec<_>>(), [0, 1, 0, 0]);
        let stall = seconds[2].latencies.value_at_percentile(50.0);
        assert!((1_480_000..1_520_000).contains(&stall), "{stall}");
    }

    #[test]
    fn seconds_are_put_together() {
        let stretches = example().stretches(Duration::from_secs(3));
        let spans: Vec<_> = stretches.iter().map(|stretch| (stretch.from, stretch.to)).collect();
        assert_eq!(spans, [(0, 3_000), (3_000, 3_500)].map(|(a, b)| (ms(a), ms(b))));
        assert_eq!((stretches[0].latencies.len(), stretches[0].failures), (110, 1));
    }

    #[test]
    fn the_worst_and_the_silent_are_named() {
        let timeline = example();
        assert_eq!(timeline.worst().expect("there were successes").from, ms(2_000));
        assert_eq!(timeline.silent_seconds(), 1);
        let start = Instant::now();
        let nothing = Timeline::new(Window { start, end: start + ms(500) });
        assert!(nothing.worst().is_none());
        assert_eq!(nothing.silent_seconds(), 1);
    }

    #[test]
    fn a_long_measurement_has_no_more_lines_than_people_read() {
        for (window, interval) in [(ms(500), 1), (ms(30_000), 1), (ms(31_000), 2), (ms(120_000), 4)] {
            assert_eq!(default_interval(window), Duration::from_secs(interval), "{window:?}");
        }
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }
}
