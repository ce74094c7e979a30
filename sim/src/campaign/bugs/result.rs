//! What a hunt came to: a line of JSON each, in a file that only grows.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct HuntResult {
    pub(super) bug: String,
    /// The sources that it was put into.
    pub(super) sources: u64,
    pub(super) first_seed: u64,
    /// Seeds that were run.
    pub(super) seeds: u64,
    /// Processor time that they took.
    pub(super) core_seconds: f64,
    pub(super) found: Option<Found>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) seed: u64,
    /// The rule that it broke.
    pub(super) rule: String,
    pub(super) detail: String,
    /// The faults that are left of it when it is shrunk, if it was.
    pub(super) faults: Option<Vec<String>>,
}

impl HuntResult {
    /// For a reader.
    pub(super) fn told(&self) -> String {
        let Self { bug, seeds, core_seconds, .. } = self;
        let Some(Found { seed, rule, faults, .. }) = &self.found else {
            return format!("{bug}: NOT found in {seeds} seeds, {core_seconds:.0} core-seconds");
        };
        let left = faults.as_ref().map_or_else(String::new, |faults| {
            format!("; shrunk to {} faults: {}", faults.len(), faults.join(", "))
        });
        format!(
            "{bug}: found by {rule} in seed {seed}, after {seeds} seeds, {core_seconds:.0} core-seconds{left}"
        )
    }
}

pub(super) struct Results {
    file: PathBuf,
    all: Vec<HuntResult>,
}

impl Results {
    /// Those of earlier evenings; none if there is no such file. A last line that was cut is left out.
    pub(super) fn load(file: &Path) -> Result<Self> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
        };
        let all = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Ok(Self { file: file.to_owned(), all })
    }

    pub(super) fn add(&mut self, result: HuntResult) -> Result<()> {
        let line = serde_json::to_string(&result)? + "\n";
        let written = OpenOptions::new().create(true).append(true).open(&self.file);
        let written = written.and_then(|mut file| file.write_all(line.as_bytes()));
        written.with_context(|| format!("{} cannot be written", self.file.display()))?;
        self.all.push(result);
        Ok(())
    }

    /// The hunts for a bug in these sources.
    pub(super) fn of(&self, bug: &str, sources: u64) -> impl Iterator<Item = &HuntResult> {
        self.all.iter().filter(move |result| result.bug == bug && result.sources == sources)
    }

    /// The hunts for a bug in the sources in which it was hunted last.
    pub(super) fn latest(&self, bug: &str) -> Vec<&HuntResult> {
        let latest = self.all.iter().rev().find(|result| result.bug == bug);
        latest.map_or_else(Vec::new, |latest| self.of(bug, latest.sources).collect())
    }
}
