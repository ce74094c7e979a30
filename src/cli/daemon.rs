//! What all long-running programs share.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    address::Address,
    stop,
    telemetry::{self, TelemetryArgs},
    usage::UsageError,
};
use crate::{
    env::{Clock, Environment, Health, Nobody},
    rpc::Security,
};

/// Name of a cluster that was given none.
pub(super) const CLUSTER: &str = "conclave";

/// The options of all long-running programs.
#[derive(Debug, clap::Args)]
pub(super) struct Daemon {
    #[command(flatten)]
    telemetry: TelemetryArgs,
    /// Exit when stdin is closed: how `conclave up` takes its children with it
    #[arg(long, hide = true)]
    exit_on_stdin_close: bool,
}

impl Daemon {
    /// All that can be checked before the program starts, which listens there.
    ///
    /// # Errors
    /// An option cannot be used.
    pub(super) fn check(&self, listen: &Address) -> anyhow::Result<()> {
        self.telemetry.check(listen)
    }

    /// Starts what tells of the program, and returns its environment, and the future that completes when it is to stop.
    pub(super) fn start(
        &self,
        program: &'static str,
        security: &Security,
    ) -> anyhow::Result<(Environment, impl Future<Output = ()> + Send + use<>)> {
        let environment = environment();
        self.telemetry.start(program, &environment)?;
        raise_open_files_limit();
        tokio::spawn(security.clone().watch(environment.clock.clone()));
        let signalled = stop::signalled()?;
        let orphaned = self.exit_on_stdin_close.then(stop::orphaned).transpose()?;
        let stop = async {
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
            telemetry::stopping().await;
        };
        Ok((environment, stop))
    }
}

/// Each connection is a file to the system. The limit that it sets by default is a thousand, for programs that cannot bear more
/// (select(2)); each may raise it as far as its administrator lets it.
fn raise_open_files_limit() {
    #[cfg(unix)]
    {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        let raised = getrlimit(Resource::RLIMIT_NOFILE)
            .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
        if let Err(error) = raised {
            tracing::warn!(%error, "the limit of open files stays as it is");
        }
    }
}

/// The world around a process of this machine: its true clock, and nobody who watches.
pub(super) fn environment() -> Environment {
    Environment {
        clock: clock(),
        seed: rand::random(),
        observer: Arc::new(Nobody),
        health: Health::default(),
    }
}

/// The true clock of this machine.
pub(super) fn clock() -> Clock {
    // A machine whose clock stands before 1970 has lost it; any fixed time is as good.
    Clock::of_system(|| SystemTime::UNIX_EPOCH.elapsed().unwrap_or(Duration::ZERO))
}

/// A cluster without a name would match any other that forgot its own.
pub(super) fn check_cluster_name(name: &str) -> Result<(), UsageError> {
    if name.trim().is_empty() {
        return Err(UsageError("--cluster is empty; leave it out or give the cluster a name".into()));
    }
    Ok(())
}
