//! What `systemd` is told (`Type=notify`): that the program serves, how it is, that it lives, that it stops. Without
//! `NOTIFY_SOCKET` nobody asked, and nothing is said.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::env::{Condition, Environment};

/// How soon it is told that the program serves.
const START_LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How soon it is told that something has changed.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Tells from now on.
pub(super) fn start(environment: &Environment) {
    if std::env::var_os("NOTIFY_SOCKET").is_some() {
        tokio::spawn(tell(environment.clone()));
    }
}

/// The program was told to stop.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

async fn tell(Environment { health, clock, .. }: Environment) {
    while health.condition() == Condition::Starting {
        tokio::time::sleep(START_LOOK_INTERVAL).await;
    }
    notify(&[NotifyState::Ready]);
    let watchdog = watchdog_interval();
    // Half of the time that is allowed, as systemd advises.
    let pause = watchdog.map_or(LOOK_INTERVAL, |allowed| LOOK_INTERVAL.min(allowed / 2));
    let mut told = None;
    loop {
        // A task that hangs is not covered for: it is what the watchdog is for.
        if watchdog.is_some() && health.is_alive(&clock) {
            notify(&[NotifyState::Watchdog]);
        }
        let condition = health.condition();
        if condition != Condition::Stopping && told.as_ref() != Some(&condition) {
            notify(&[NotifyState::Status(&condition.to_string())]);
            told = Some(condition);
        }
        tokio::time::sleep(pause).await;
    }
}

/// Within which a sign of life is wanted of this process, if one is.
fn watchdog_interval() -> Option<Duration> {
    let variable = |name| std::env::var(name).ok();
    let microseconds: u64 = variable("WATCHDOG_USEC")?.parse().ok()?;
    // It is inherited by processes that are not meant.
    let is_meant = variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
    (is_meant && microseconds > 0).then(|| Duration::from_micros(microseconds))
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(reason) = sd_notify::notify(false, states) {
        tracing::warn!(%reason, "cannot tell the service manager how this program is");
    }
}
