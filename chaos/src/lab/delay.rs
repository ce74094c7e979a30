//! Delay, without the kernel's help: a program that stands between a machine and the bridge.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Result, ensure};

use super::command::run;

/// The program's source.
const SOURCE: &str = include_str!("../../shim/delay.c");

/// How long a frame takes, in microseconds: from the first to the last.
pub(crate) type Latency = (u64, u64);

/// Compiles the program.
pub(crate) fn compile_delay(folder: &Path) -> Result<PathBuf> {
    let (source, program) = (folder.join("delay.c"), folder.join("delay"));
    fs::write(&source, SOURCE)?;
    run(&format!("cc -O2 -Wall -o {} {}", program.display(), source.display()))?;
    Ok(program)
}

/// A machine whose frames cross later. Dropped, it is on the bridge again.
pub(super) struct Delay {
    child: Child,
    port: String,
    bridge: String,
    pub(super) latency: Latency,
}

impl Delay {
    /// Takes the machine's port off the bridge, and puts the program between them.
    pub(super) fn start(
        program: &Path,
        port: &str,
        tap: &str,
        bridge: &str,
        latency: Latency,
    ) -> Result<Self> {
        let mut command = Command::new(program);
        command.args([port, tap, &latency.0.to_string(), &latency.1.to_string()]);
        // It ends when its stdin does: even if this process is killed.
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut told = String::new();
        BufReader::new(child.stdout.take().expect("stdout is a pipe")).read_line(&mut told)?;
        let delay = Self { child, port: port.to_owned(), bridge: bridge.to_owned(), latency };
        ensure!(told.trim() == "ready", "the program that delays {port} has ended: is there /dev/net/tun?");
        run(&format!("ip link set {port} nomaster"))?;
        run(&format!("ip link set {tap} master {bridge} up"))?;
        Ok(delay)
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = run(&format!("ip link set {} master {}", self.port, self.bridge));
    }
}
