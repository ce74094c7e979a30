//! What all clients of a benchmark share while it runs: when the cluster last answered, and how far it is.

use std::{
    io::{IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, interval, sleep_until};

use super::window::Window;

const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// The successes of all clients together.
pub(super) struct Pulse {
    window: Window,
    successes: AtomicU64,
    failures: AtomicU64,
    /// Microseconds after the window's start.
    last_success: AtomicU64,
    longest_gap: AtomicU64,
}

impl Pulse {
    pub(super) fn new(window: Window) -> Self {
        let zero = AtomicU64::default;
        Self { window, successes: zero(), failures: zero(), last_success: zero(), longest_gap: zero() }
    }

    /// An operation succeeded at this moment.
    pub(super) fn beat(&self, at: Instant) {
        self.successes.fetch_add(1, Ordering::Relaxed);
        self.close_gap(at);
    }

    /// An operation failed.
    pub(super) fn miss(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The longest time within the window in which no client had a success.
    pub(super) fn longest_gap(&self) -> Duration {
        self.close_gap(self.window.end);
        Duration::from_micros(self.longest_gap.load(Ordering::Relaxed))
    }

    fn close_gap(&self, at: Instant) {
        let at = at.min(self.window.end).saturating_duration_since(self.window.start).as_micros() as u64;
        let before = self.last_success.fetch_max(at, Ordering::Relaxed);
        self.longest_gap.fetch_max(at.saturating_sub(before), Ordering::Relaxed);
    }
}

/// Keys to be written before the measurement: each is handed out once.
pub(super) struct Filled {
    next: AtomicU64,
    keys: u64,
}

impl Filled {
    pub(super) fn new(keys: u64) -> Self {
        Self { next: AtomicU64::new(0), keys }
    }

    /// A key that nobody has taken.
    pub(super) fn next(&self) -> Option<u64> {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        (key < self.keys).then_some(key)
    }
}

/// Shows every second how it goes.
pub(super) async fn tell(pulse: Arc<Pulse>, window: Window) {
    let mut successes_before = pulse.successes.load(Ordering::Relaxed);
    let mut ticks = interval(TELL_INTERVAL);
    ticks.tick().await;
    while Instant::now() < window.end {
        ticks.tick().await;
        let successes = pulse.successes.load(Ordering::Relaxed);
        let phase = match window.end.saturating_duration_since(Instant::now()) {
            _ if Instant::now() < window.start => "warming up".to_owned(),
            left => format!("{:.0} s to go", left.as_secs_f64()),
        };
        let failures = pulse.failures.load(Ordering::Relaxed);
        show(&format!("{phase}: {} operations/s, {failures} failures", successes - successes_before));
        successes_before = successes;
    }
    sleep_until(window.end).await;
    show("waiting for the last answers");
    clear_line();
}

/// Shows every second how many keys are written.
pub(super) async fn tell_filling(filled: Arc<Filled>) {
    let mut ticks = interval(TELL_INTERVAL);
    loop {
        ticks.tick().await;
        let written = filled.next.load(Ordering::Relaxed).min(filled.keys);
        show(&format!("writing the keys to be read: {written} of {}", filled.keys));
    }
}

/// Replaces the progress line, if somebody watches.
fn show(text: &str) {
    let mut stderr = std::io::stderr().lock();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r\x1b[K{text}");
    }
}

/// Removes the progress line.
pub(super) fn clear_line() {
    show("");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let start = Instant::now();
        Window { start, end: start + Duration::from_secs(10) }
    }

    fn after(window: Window, seconds: u64) -> Instant {
        window.start + Duration::from_secs(seconds)
    }

    #[test]
    fn the_longest_gap_is_between_two_successes_of_any_clients() {
        let window = window();
        let pulse = Pulse::new(window);
        for second in [1, 2, 6, 5, 9] {
            pulse.beat(after(window, second));
        }
        assert_eq!(pulse.longest_gap(), Duration::from_secs(4));
    }

    #[test]
    fn silence_at_either_end_is_a_gap() {
        let window = window();
        let silent_at_first = Pulse::new(window);
        silent_at_first.beat(after(window, 8));
        assert_eq!(silent_at_first.longest_gap(), Duration::from_secs(8));
        let dead = Pulse::new(window);
        dead.beat(after(window, 1));
        dead.beat(after(window, 30));
        assert_eq!(dead.longest_gap(), Duration::from_secs(9));
        assert_eq!(Pulse::new(window).longest_gap(), Duration::from_secs(10));
    }

    #[test]
    fn every_key_is_filled_once() {
        let filled = Filled::new(2);
        assert_eq!([filled.next(), filled.next(), filled.next()], [Some(0), Some(1), None]);
    }
}
