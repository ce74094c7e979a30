//! What happens, for a reader: a file with every strike, and a few lines on the terminal.

use std::{
    fs::File,
    io::{Write, stdout},
    path::Path,
    time::Instant,
};

use anyhow::Result;

/// The file of a run.
pub(crate) struct Story {
    file: File,
    began: Instant,
}

impl Story {
    pub(crate) fn create(folder: &Path, began: Instant) -> Result<Self> {
        Ok(Self { file: File::create(folder.join("story.log"))?, began })
    }

    /// A line, with its time.
    pub(crate) fn tell(&mut self, what: &str) -> Result<()> {
        Ok(writeln!(self.file, "{:>9.3} s  {what}", self.began.elapsed().as_secs_f64())?)
    }

    /// A line for the terminal. That nobody reads it is no failure.
    pub(crate) fn say(what: &str) {
        let _ = writeln!(stdout(), "{what}");
    }
}
