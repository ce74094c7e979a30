//! Programs of this machine, run to their end.

use std::{
    ffi::OsStr,
    io::Write,
    process::{Command, Output, Stdio},
};

use anyhow::{Context, Result, bail};

/// Runs a program and returns what it prints; the arguments are separated by blanks.
pub(crate) fn run(line: &str) -> Result<String> {
    let mut words = line.split_whitespace();
    let program = words.next().expect("a line names a program");
    let output = Command::new(program).args(words).stdin(Stdio::null()).output();
    told(line, output.with_context(|| format!("{program} cannot be run"))?)
}

/// Runs a program on this input.
pub(crate) fn run_fed(program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{program} cannot be run"))?;
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(input.as_bytes()).with_context(|| format!("{program} does not read its input"))?;
    drop(stdin);
    told(program, child.wait_with_output()?)
}

/// Whether there is such a program on the PATH.
pub(crate) fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path);
    // Those of administrators are not on everybody's PATH.
    folders.chain(["/usr/sbin".into(), "/sbin".into()]).any(|folder| folder.join(program).is_file())
}

/// The words of an output, in one line.
pub(crate) fn one_line(bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(bytes.as_ref()).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn told(what: impl AsRef<OsStr>, output: Output) -> Result<String> {
    if !output.status.success() {
        let what = what.as_ref().to_string_lossy();
        bail!("'{what}' failed ({}): {}", output.status, one_line(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
