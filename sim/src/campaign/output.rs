//! What commands write. Standard output may be closed: whoever reads it has gone (`cargo sim replay 1 | head -1`). What nobody reads
//! is not written; the exit code still tells the verdict. Files are in folders that may have to be made.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::Path,
};

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

/// Makes the folder of a file that is about to be written.
///
/// # Errors
/// It cannot be made.
pub(super) fn make_folder_of(file: &Path) -> Result<()> {
    let Some(folder) = file.parent() else { return Ok(()) };
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))
}
