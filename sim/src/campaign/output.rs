//! Standard output that may be closed: whoever reads it has gone (`cargo sim replay 1 | head -1`). What nobody reads is
//! not written; the exit code still tells the verdict.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// Writes a text and ends the line.
///
/// # Errors
/// It cannot be written, for another reason than that nobody reads it.
pub(super) fn say(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output cannot be written"),
    }
}
