//! When a client sends its next request.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// What all clients of a benchmark go by.
pub(super) enum Pace {
    /// As soon as its last request is answered: the cluster sets the pace.
    Closed,
    /// At fixed times, however long answers take: as the users of a service do, who know nothing of each other.
    Open { start: Instant, rate: f64, taken: AtomicU64 },
}

impl Pace {
    /// So many requests a second from now on, or as many as are answered.
    pub(super) fn new(rate: Option<u32>) -> Self {
        match rate {
            None => Self::Closed,
            Some(rate) => {
                Self::Open { start: Instant::now(), rate: rate.into(), taken: AtomicU64::default() }
            }
        }
    }

    /// Waits until the next request is due, and returns when that was; at once, and with `None`, if it is not before the end. If
    /// no client was free at that time it was earlier: that too is time that a user waits for the answer (Tene's coordinated
    /// omission).
    pub(super) async fn due(&self, end: Instant) -> Option<Instant> {
        match self {
            Self::Closed => Some(Instant::now()).filter(|now| *now < end),
            Self::Open { start, rate, taken } => {
                let number = taken.fetch_add(1, Ordering::Relaxed);
                let due = *start + Duration::from_secs_f64(number as f64 / rate);
                if due >= end {
                    return None;
                }
                sleep_until(due).await;
                Some(due)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_open_loop_has_fixed_times_and_does_not_forget_those_that_passed() {
        let pace = Pace::new(Some(1000));
        let end = Instant::now() + Duration::from_secs(60);
        let due = || async { pace.due(end).await.expect("long before the end") };
        let first = due().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let late = [due().await, due().await];
        assert_eq!(late.map(|due| due - first), [1, 2].map(Duration::from_millis));
        assert!(Instant::now() >= late[1]);
        for _ in 0..50 {
            let due = due().await;
            assert!(Instant::now() >= due, "never before it is due");
        }
    }

    #[tokio::test]
    async fn in_a_closed_loop_each_request_is_due_at_once() {
        let before = Instant::now();
        let due = Pace::new(None).due(before + Duration::from_secs(60)).await;
        assert!(due.is_some_and(|due| due >= before));
    }

    #[tokio::test]
    async fn nobody_waits_for_what_is_due_after_the_end() {
        let (pace, began) = (Pace::new(Some(1)), Instant::now());
        assert!(pace.due(began + Duration::from_secs(1)).await.is_some());
        assert_eq!(pace.due(began + Duration::from_millis(900)).await, None);
        assert_eq!(Pace::new(None).due(began).await, None);
        assert!(began.elapsed() < Duration::from_millis(900));
    }
}
