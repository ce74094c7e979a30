//! What the user is told: on stdout, in an error, by an exit code.

use std::{io::Write, process::ExitCode};

use super::usage;

/// Exit code after Ctrl+C, as shells report it.
pub(super) const INTERRUPTED: u8 = 130;

/// Writes to stdout. That nobody reads it (`conclave get --prefix x | head -1`) is no failure.
pub(super) fn print(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    ExitCode::SUCCESS
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
