//! Reads results, of several files at once.

use std::{
    fs::File,
    io::{BufRead, BufReader, Lines},
    path::Path,
};

use anyhow::{Context, Result, bail};

use super::line::{Ended, Header, Line, RunLine};
use crate::verdict::{Failed, Subject};

/// A file with results. Its runs are in the order in which they ended.
pub(super) struct Reader {
    pub(super) name: String,
    pub(super) header: Header,
    /// The run that comes next.
    next: Option<RunLine>,
    pub(super) differing: Vec<Failed>,
    /// Runs that began, and of which nothing is known since.
    pub(super) begun: Vec<Subject>,
    /// Known when all runs are read.
    pub(super) ended: Option<Ended>,
    /// When the last run ended.
    pub(super) last_ms: u64,
    lines: Lines<BufReader<File>>,
    number: u64,
}

impl Reader {
    /// # Errors
    /// The file cannot be read, or holds no results.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("{name} cannot be read"))?;
        let mut lines = BufReader::new(file).lines();
        let first = lines.next().transpose().with_context(|| format!("{name} cannot be read"))?;
        let Some(Ok(Line::Campaign(header))) = first.map(|first| serde_json::from_str(&first)) else {
            bail!("{name} holds no results of a campaign: its first line says of none");
        };
        let mut reader = Self {
            name,
            header,
            next: None,
            differing: Vec::new(),
            begun: Vec::new(),
            ended: None,
            last_ms: 0,
            lines,
            number: 1,
        };
        reader.next = reader.read()?;
        Ok(reader)
    }

    /// When the next run ended.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.next.as_ref().map(|run| run.ended_ms)
    }

    /// The next run.
    ///
    /// # Errors
    /// What comes after it is no result.
    pub(super) fn take(&mut self) -> Result<Option<RunLine>> {
        let following = self.read()?;
        let taken = std::mem::replace(&mut self.next, following);
        self.last_ms = taken.as_ref().map_or(self.last_ms, |run| run.ended_ms);
        Ok(taken)
    }

    fn read(&mut self) -> Result<Option<RunLine>> {
        while let Some(text) = self.lines.next() {
            self.number += 1;
            let text = text.with_context(|| format!("{} cannot be read", self.name))?;
            match serde_json::from_str(&text) {
                Ok(Line::Begins(subject)) => self.begun.push(subject),
                Ok(Line::Run(run)) => {
                    self.begun.retain(|begun| !is_of(begun, &run.subject));
                    return Ok(Some(*run));
                }
                Ok(Line::Differs(failed)) => self.differing.push(failed),
                Ok(Line::Ended(ended)) => self.ended = Some(ended),
                Ok(Line::Campaign(_)) => bail!("{} holds two campaigns: give each as a file", self.name),
                // The last line of a campaign that was killed while it wrote.
                Err(_) if self.lines.next().is_none() => return Ok(None),
                Err(error) => bail!("{}, line {}, is no result: {error}", self.name, self.number),
            }
        }
        Ok(None)
    }
}

/// A variation that failed is known by its file from then on.
fn is_of(begun: &Subject, ended: &Subject) -> bool {
    match (begun, ended) {
        (Subject::Variation(number), Subject::File(file)) => file.ends_with(&format!("-{number}.json")),
        _ => begun == ended,
    }
}
