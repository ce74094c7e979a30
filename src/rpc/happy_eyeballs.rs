//! Several ways to the same thing are tried one a little after the other, and the first that works is taken (Happy Eyeballs, RFC
//! 8305, section 5): one that swallows everything holds up none of the others.

use std::time::Duration;

use futures_util::{StreamExt as _, stream::FuturesUnordered};

use crate::env::Clock;

/// How long the latest attempt is waited for before the next begins beside it (the "Connection Attempt Delay" of RFC 8305).
pub(crate) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Begins each attempt [`ATTEMPT_DELAY`] after the one before, or as soon as one has failed, and gives what the first of them brings
/// that succeeds; the others are dropped.
///
/// # Errors
/// All failed: what the last of them said; `None` without attempts.
pub(crate) async fn first_connected<T, E>(
    attempts: impl IntoIterator<Item = impl Future<Output = Result<T, E>>>,
    clock: &Clock,
) -> Result<T, Option<E>> {
    let mut next = attempts.into_iter();
    let (mut under_way, mut last) = (FuturesUnordered::new(), None);
    loop {
        let ended = match next.next() {
            Some(attempt) => {
                under_way.push(attempt);
                clock.timeout(ATTEMPT_DELAY, under_way.next()).await.ok()
            }
            None => Some(under_way.next().await),
        };
        match ended {
            Some(Some(Ok(connected))) => return Ok(connected),
            Some(Some(Err(error))) => last = Some(error),
            Some(None) => return Err(last),
            None => {}
        }
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;

    /// How an attempt ends, and after how many milliseconds; without, it never does.
    type Attempt = Option<(u64, Result<&'static str, &'static str>)>;

    async fn tried(attempts: &[Attempt]) -> Result<&'static str, Option<&'static str>> {
        let clock = Clock::new(Duration::ZERO);
        let attempts = attempts.iter().copied().map(async |attempt: Attempt| {
            let Some((after_ms, outcome)) = attempt else { return std::future::pending().await };
            clock.sleep(Duration::from_millis(after_ms)).await;
            outcome
        });
        first_connected(attempts, &clock).await
    }

    #[tokio::test]
    async fn silence_holds_up_nobody_and_a_failure_makes_way_at_once() {
        let (first, refused) = (Some((0, Ok("first"))), Some((0, Err("refused"))));
        let (second, never) = (Some((0, Ok("second"))), None);
        assert_eq!(tried(&[first, second]).await, Ok("first"));
        assert_eq!(tried(&[never, second]).await, Ok("second"));
        assert_eq!(tried(&[refused, never, second, first]).await, Ok("second"));
        assert_eq!(tried(&[refused, Some((1, Err("late")))]).await, Err(Some("late")));
        assert_eq!(tried(&[]).await, Err(None));
    }

    #[tokio::test]
    async fn who_is_late_is_heard_all_the_same() {
        let late = Some((ATTEMPT_DELAY.as_millis() as u64 + 50, Ok("late")));
        assert_eq!(tried(&[late, None]).await, Ok("late"));
        assert_eq!(tried(&[late, Some((0, Err("refused")))]).await, Ok("late"));
    }
}
