//! When a long-running program is to end: Ctrl+C, SIGTERM, or the death of the process that started it.

use std::{
    io::{self, IsTerminal, Read},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

/// A program that was told to stop and still runs after this is ended by force.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Completes at Ctrl+C or SIGTERM, and when the terminal goes away that the program was started at. They are caught from this call
/// on, not only once the future is awaited. Elsewhere SIGHUP stands for "read your settings again", and ends nothing.
///
/// # Errors
/// The operating system refuses to deliver signals.
#[cfg(unix)]
pub(super) fn signalled() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let is_at_terminal = io::stdin().is_terminal();
    Ok(async move {
        loop {
            tokio::select! { biased;
                _ = interrupt.recv() => return,
                _ = terminate.recv() => return,
                _ = hangup.recv() => {}
            }
            if is_at_terminal {
                return;
            }
            tracing::info!(
                "SIGHUP: renewed certificates are taken by themselves, other settings when the program starts"
            );
        }
    })
}

/// Completes at Ctrl+C.
///
/// # Errors
/// None; where signals exist there may be some.
#[cfg(not(unix))]
pub(super) fn signalled() -> io::Result<impl Future<Output = ()> + Send> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

/// Completes when stdin reaches its end: the parent holds the other end of the pipe, and the operating system closes
/// it even when the parent is killed. The process then ends within [`STOP_PATIENCE`], whatever it is doing.
///
/// # Errors
/// The operating system refuses another thread.
pub(super) fn orphaned() -> io::Result<impl Future<Output = ()> + Send> {
    let (orphaned_tx, orphaned_rx) = oneshot::channel();
    thread::Builder::new().name("stdin-watch".into()).spawn(move || {
        let mut buffer = [0; 64];
        while matches!(io::stdin().read(&mut buffer), Ok(1..)) {}
        let _ = orphaned_tx.send(());
        thread::sleep(STOP_PATIENCE);
        std::process::exit(0);
    })?;
    Ok(async { drop(orphaned_rx.await) })
}
