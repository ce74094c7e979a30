//! Writes results, a line at a time: what is written stays, whatever becomes of the process.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{
    super::output::make_folder_of,
    line::{Ended, Header, Line, RunLine},
};
use crate::verdict::{Failed, Subject};

/// Where results are when nobody says otherwise.
const FOLDER: &str = "target/sim/campaigns";

pub(in super::super) struct Writer {
    file: File,
    path: PathBuf,
}

impl Writer {
    /// Begins a file, by default one named after the time and the first seed. One that is named is written anew.
    ///
    /// # Errors
    /// It cannot be written.
    pub(in super::super) fn begin(path: Option<&Path>, header: Header) -> Result<Self> {
        let path = path.map_or_else(|| unused(&header), Path::to_path_buf);
        let mut writer = Self { file: create(&path)?, path };
        writer.write(&Line::Campaign(header))?;
        Ok(writer)
    }

    pub(in super::super) fn path(&self) -> &Path {
        &self.path
    }

    /// # Errors
    /// It cannot be written.
    pub(in super::super) fn begins(&mut self, subject: Subject) -> Result<()> {
        self.write(&Line::Begins(subject))
    }

    /// # Errors
    /// It cannot be written.
    pub(in super::super) fn run(&mut self, run: RunLine) -> Result<()> {
        self.write(&Line::Run(Box::new(run)))
    }

    /// # Errors
    /// It cannot be written.
    pub(in super::super) fn differs(&mut self, failed: Failed) -> Result<()> {
        self.write(&Line::Differs(failed))
    }

    /// # Errors
    /// It cannot be written.
    pub(in super::super) fn end(&mut self, ended: Ended) -> Result<()> {
        self.write(&Line::Ended(ended))
    }

    /// In one piece, so that at most the last line of a file is torn.
    fn write(&mut self, line: &Line) -> Result<()> {
        let text = serde_json::to_string(line)? + "\n";
        let written = self.file.write_all(text.as_bytes());
        written.with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

fn create(path: &Path) -> Result<File> {
    make_folder_of(path)?;
    File::create(path).with_context(|| format!("{} cannot be written", path.display()))
}

/// Two campaigns may begin in the same second with the same seed.
fn unused(header: &Header) -> PathBuf {
    let Header { began_unix_s, first_seed, .. } = header;
    let names = (1..).map(|number| match number {
        1 => format!("{FOLDER}/{began_unix_s}-{first_seed}.jsonl"),
        _ => format!("{FOLDER}/{began_unix_s}-{first_seed}-{number}.jsonl"),
    });
    let mut unused = names.map(PathBuf::from).filter(|path| !path.exists());
    unused.next().expect("some name is not in use")
}
