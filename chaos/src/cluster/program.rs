//! One process: started, signalled, its end explained.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// How it is started.
pub(super) struct Line {
    /// The network namespace.
    pub(super) namespace: String,
    pub(super) binary: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(&'static str, OsString)>,
}

/// A program of a machine. Dropped, its process is killed.
pub(super) struct Program {
    line: Line,
    log: PathBuf,
    child: Option<Child>,
    /// Where in the log the present process began to write.
    log_from: u64,
    is_paused: bool,
    /// Somebody killed it, or told it to stop.
    end_is_expected: bool,
}

/// The end of a process.
pub(super) struct End {
    pub(super) status: ExitStatus,
    pub(super) is_expected: bool,
    /// The last line that it wrote.
    pub(super) words: String,
}

impl Program {
    pub(super) fn new(line: Line, log: PathBuf) -> Self {
        Self { line, log, child: None, log_from: 0, is_paused: false, end_is_expected: false }
    }

    pub(super) fn start(&mut self) -> Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        self.log_from = log.metadata()?.len();
        // 'ip netns exec' becomes the program: its number is the child's.
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.line.namespace]).arg(&self.line.binary);
        command.args(&self.line.arguments).envs(self.line.environment.iter().cloned());
        // A process that is left alone ends when its stdin does.
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        // Ctrl+C on the terminal is for the run alone, which ends its processes itself.
        command.process_group(0);
        let child =
            command.spawn().with_context(|| format!("{} cannot be run", self.line.binary.display()))?;
        self.child = Some(child);
        (self.is_paused, self.end_is_expected) = (false, false);
        Ok(())
    }

    pub(super) fn has_process(&self) -> bool {
        self.child.is_some()
    }

    /// kill -9.
    pub(super) fn kill(&mut self) {
        self.end_is_expected = true;
        self.signal(Signal::SIGKILL);
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }

    /// SIGTERM.
    pub(super) fn tell_to_stop(&mut self) {
        self.end_is_expected = true;
        self.signal(Signal::SIGTERM);
    }

    /// SIGSTOP or SIGCONT, when it is not so already.
    pub(super) fn set_paused(&mut self, paused: bool) {
        if self.has_process() && self.is_paused != paused {
            self.signal(if paused { Signal::SIGSTOP } else { Signal::SIGCONT });
            self.is_paused = paused;
        }
    }

    /// Its end, if its process has ended; told once.
    pub(super) fn end(&mut self) -> Result<Option<End>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let Some(status) = child.try_wait()? else { return Ok(None) };
        self.child = None;
        let words = last_line(&self.log, self.log_from).unwrap_or_default();
        Ok(Some(End { status, is_expected: self.end_is_expected, words }))
    }

    /// What a log of this program must never hold.
    pub(super) fn panics(&self) -> Vec<String> {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().filter(|line| line.contains("panicked at")).map(str::to_owned).collect()
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process number fits"));
            // That it is gone already is fine.
            let _ = kill(pid, signal);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

fn last_line(log: &Path, from: u64) -> Option<String> {
    let mut file = File::open(log).ok()?;
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned)
}
