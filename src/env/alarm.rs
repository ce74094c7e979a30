//! A timer that is set again and again, and costs the runtime one timer only.

use std::{pin::Pin, time::Duration};

use super::{Clock, Moment};

type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Rings once at the moment that it was last set to.
pub struct Alarm {
    clock: Clock,
    at: Moment,
    /// The timer under it, and when that rings: at `at`, or earlier if it was set to an earlier moment before.
    timer: Option<(Moment, Timer)>,
}

impl Alarm {
    /// An alarm that rings after this span of the clock's time.
    pub fn after(clock: &Clock, span: Duration) -> Self {
        Self { clock: clock.clone(), at: clock.now() + span, timer: None }
    }

    /// It rings then, and not when it was set to before.
    pub fn set(&mut self, at: Moment) {
        self.at = at;
        if self.timer.as_ref().is_some_and(|(rings_at, _)| *rings_at > at) {
            self.timer = None;
        }
    }

    /// Waits until it rings. Nothing is lost when the future is dropped.
    pub async fn ring(&mut self) {
        while self.clock.now() < self.at {
            let (clock, at) = (&self.clock, self.at);
            let new = || {
                let clock = clock.clone();
                let timer = async move { clock.sleep_until(at).await };
                (at, Box::pin(timer) as Timer)
            };
            self.timer.get_or_insert_with(new).1.as_mut().await;
            self.timer = None;
        }
    }
}
