//! What all long-running programs share.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{logging, stop, usage::UsageError};
use crate::env::{Clock, Environment, Nobody};

/// Name of a cluster that was given none.
pub(super) const CLUSTER: &str = "conclave";

/// The options of all long-running programs.
#[derive(Debug, clap::Args)]
pub(super) struct Daemon {
    /// How log lines look
    #[arg(long, value_enum, default_value_t)]
    log: logging::LogFormat,
    /// Exit when stdin is closed: how `conclave up` takes its children with it
    #[arg(long, hide = true)]
    exit_on_stdin_close: bool,
}

impl Daemon {
    /// Starts logging, and returns the future that completes when the program is to stop.
    pub(super) fn start(&self) -> anyhow::Result<impl Future<Output = ()> + Send + use<>> {
        logging::start(self.log)?;
        let signalled = stop::signalled()?;
        let orphaned = self.exit_on_stdin_close.then(stop::orphaned).transpose()?;
        Ok(async {
            let orphaned = async {
                match orphaned {
                    Some(orphaned) => orphaned.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! { biased;
                () = signalled => tracing::info!("told to stop"),
                () = orphaned => tracing::info!("the parent process is gone: stopping"),
            }
        })
    }
}

/// The world around a process of this machine: its true clock, and nobody who watches.
pub(super) fn environment() -> Environment {
    Environment { clock: clock(), seed: rand::random(), observer: Arc::new(Nobody) }
}

/// The true clock of this machine.
pub(super) fn clock() -> Clock {
    // A machine whose clock stands before 1970 has lost it; any fixed time is as good.
    let unix_time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO);
    Clock::new(unix_time)
}

/// A cluster without a name would match any other that forgot its own.
pub(super) fn check_cluster_name(name: &str) -> Result<(), UsageError> {
    if name.trim().is_empty() {
        return Err(UsageError("--cluster is empty; leave it out or give the cluster a name".into()));
    }
    Ok(())
}
