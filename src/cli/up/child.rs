//! One child process: started with a pipe that ties its life to ours, watched, stopped.

use std::{
    env,
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context;
use tokio::{
    process::{self, Command},
    sync::{mpsc, watch},
};

use super::plan::Part;

/// A child that was told to stop and does not is killed after this.
const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// As much of a log's end as surely holds the last line.
const LOG_TAIL_BYTES: u64 = 4096;

/// A running part of the cluster.
pub(super) struct Child {
    part: Part,
    process: process::Child,
    pid: u32,
    /// Length of the log before it started: what follows is its own.
    log_start: u64,
}

/// A child that ended although nobody told it to.
pub(super) struct Ended {
    part: Part,
    pid: u32,
    status: ExitStatus,
    last_error: Option<String>,
}

impl Child {
    /// Starts this very program as a part of the cluster.
    ///
    /// # Errors
    /// The log cannot be written, or the process not be started.
    pub(super) fn start(part: Part) -> anyhow::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(&part.log_file);
        let log = log.with_context(|| format!("cannot write the log {}", part.log_file.display()))?;
        let log_start = log.metadata().map_or(0, |metadata| metadata.len());
        let program = env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        // A part is what its command line says; but for what is logged, the settings of this environment are for others.
        let settings =
            env::vars_os().map(|(name, _)| name).filter(|name| is_setting(&name.to_string_lossy()));
        settings.for_each(|name| {
            command.env_remove(name);
        });
        command.args(&part.arguments).arg("--exit-on-stdin-close");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        // Ctrl+C is for us alone: we stop the children in our own way.
        #[cfg(unix)]
        command.process_group(0);
        let process = command.spawn().with_context(|| format!("cannot start {}", part.name))?;
        let pid = process.id().expect("a process that nobody waited for has its number");
        Ok(Self { part, process, pid, log_start })
    }

    /// One line about it.
    pub(super) fn introduction(&self) -> String {
        let Part { name, address, log_file, .. } = &self.part;
        // Formatted first: the width of an address would otherwise be ignored.
        let address = address.to_string();
        format!("{name:<8} {address:<21} pid {:<8} log {}\n", self.pid, log_file.display())
    }

    /// Waits for its end, whether by itself or because the sender of `stop` is gone.
    pub(super) async fn watch(mut self, mut stop: watch::Receiver<()>, ended: mpsc::UnboundedSender<Ended>) {
        // Waiting for a process closes its stdin, which would tell it to stop.
        let lifeline = self.process.stdin.take();
        tokio::select! { biased;
            _ = stop.changed() => {
                drop(lifeline);
                self.stop().await;
            }
            status = self.process.wait() => {
                if let Ok(status) = status {
                    let last_error = last_error(&self.part.log_file, self.log_start);
                    let _ = ended.send(Ended { part: self.part, pid: self.pid, status, last_error });
                }
            }
        }
    }

    async fn stop(&mut self) {
        if tokio::time::timeout(STOP_PATIENCE, self.process.wait()).await.is_err() {
            let _ = self.process.kill().await;
        }
    }
}

impl Ended {
    /// One line: who ended, why, and how to start it again.
    pub(super) fn obituary(&self) -> String {
        let Self { part, pid, status, last_error } = self;
        let why = last_error.as_deref().map(|error| format!(", {error}")).unwrap_or_default();
        format!(
            "{} (pid {pid}) ended ({status}{why}); the others carry on; to start it again: {}\n",
            part.name,
            part.command_line()
        )
    }
}

fn is_setting(variable: &str) -> bool {
    variable.starts_with("CONCLAVE_") && variable != "CONCLAVE_LOG"
}

/// The error that a program gave as the last line of its log, if it did.
fn last_error(log: &Path, start: u64) -> Option<String> {
    let mut log = File::open(log).ok()?;
    let end = log.seek(SeekFrom::End(0)).ok()?;
    log.seek(SeekFrom::Start(start.max(end.saturating_sub(LOG_TAIL_BYTES)))).ok()?;
    let mut tail = Vec::new();
    log.read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail);
    tail.lines().next_back().filter(|line| line.starts_with("error: ")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_reason_is_the_last_line_that_this_run_wrote() {
        let mut log = tempfile::NamedTempFile::new().expect("a file");
        writeln!(log, "error: old").expect("written");
        let start = log.as_file().metadata().expect("metadata").len();
        assert_eq!(last_error(log.path(), start), None);
        writeln!(log, "INFO node is up\nerror: the disk failed").expect("written");
        assert_eq!(last_error(log.path(), start).as_deref(), Some("error: the disk failed"));
        writeln!(log, "INFO something else").expect("written");
        assert_eq!(last_error(log.path(), start), None);
    }
}
