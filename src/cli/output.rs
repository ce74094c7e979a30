//! What the user is told: on stdout, in an error, by an exit code.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context;

use super::usage;

/// Exit code when the command was understood and failed.
pub(super) const FAILED: u8 = 1;
/// Exit code after Ctrl+C, as shells report it.
pub(super) const INTERRUPTED: u8 = 130;

/// Writes what a command was asked for to stdout. That nobody reads it (`conclave get --prefix x | head -1`) is no failure.
///
/// # Errors
/// It could not be written: not all of it is there.
pub(super) fn print(text: &str) -> anyhow::Result<ExitCode> {
    is_read(text).map(|_| ExitCode::SUCCESS)
}

/// Says on stdout how it goes. Nothing depends on whether that can be read.
pub(super) fn tell(text: &str) {
    let _ = write(text);
}

/// As [`print`], of what is shown again and again. False: nobody reads it any more.
///
/// # Errors
/// It could not be written.
pub(super) fn is_read(text: &str) -> anyhow::Result<bool> {
    match write(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.context("not all of the output is there: stdout cannot be written").map(|()| true),
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
}

/// Says on stderr what went wrong. Returns the exit code.
pub(super) fn fail(code: u8, message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(code)
}

/// An error and its causes in one line.
pub(super) fn describe(error: &anyhow::Error) -> String {
    usage::squeeze(&format!("{error:#}"))
}
