//! What a server refuses: counted, and told to the log, which is not flooded by who is refused often.

use std::{
    fmt::Display,
    sync::{Arc, Mutex},
    time::Duration,
};

use metrics::Counter;

use crate::env::{Clock, Metric, Moment};

/// The log is told so often, however many there are.
const NOTE_INTERVAL: Duration = Duration::from_secs(1);

/// Refusals of one kind. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Refusals {
    /// What is refused.
    what: &'static str,
    counter: Counter,
    clock: Clock,
    untold: Arc<Mutex<Untold>>,
}

/// Refusals since the log was last told.
#[derive(Default)]
struct Untold {
    count: u64,
    told_at: Option<Moment>,
}

impl Refusals {
    pub(super) fn new(what: &'static str, metric: &Metric, clock: &Clock) -> Self {
        Self { what, counter: metric.counter(&[]), clock: clock.clone(), untold: Arc::default() }
    }

    pub(super) fn note(&self, from: impl Display, reason: &str) {
        self.counter.increment(1);
        let mut untold = self.untold.lock().expect("nobody panics with it");
        untold.count += 1;
        let now = self.clock.now();
        if untold.told_at.is_none_or(|told_at| now.since(told_at) >= NOTE_INTERVAL) {
            tracing::warn!(%from, reason, count = untold.count, "refused a {}", self.what);
            *untold = Untold { count: 0, told_at: Some(now) };
        }
    }
}
