//! `cargo sim merge`: what several campaigns found, as one. Only what can be added up is: results of one version, each seed once.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Result, ensure};

use super::{
    super::{exit, output::say, overview},
    line::{Header, RunLine},
    reader::Reader,
};
use crate::{
    explain,
    verdict::{Outcome, Subject},
};

/// Tells what the campaigns of some files came to together, writes the page of it, and returns the exit code that says so.
///
/// # Errors
/// A file holds no results, or they cannot be added up; the page cannot be written.
pub(in super::super) fn merge(files: &[PathBuf], page: &Path) -> Result<ExitCode> {
    let mut readers = files.iter().map(|file| Reader::open(file)).collect::<Result<Vec<_>>>()?;
    let version = readers[0].header.version;
    refuse_other_programs(&readers)?;
    let mut merged = Merged::default();
    while let Some((place, run)) = next_of(&mut readers)? {
        merged.add(place, run, &readers)?;
    }
    for note in merged.close(&readers) {
        say(&note)?;
    }
    let (seeds, outcome) = (merged.seeds_in_words(files.len()), merged.outcome);
    say(explain::summary(&outcome, &seeds, version).trim_end())?;
    overview::write(&outcome, &seeds, version, &BTreeMap::new(), page)?;
    say(&format!("page         {}", page.display()))?;
    Ok(ExitCode::from(exit::of_campaign(&outcome)))
}

/// # Errors
/// Two files are of different programs: their runs say nothing of one.
fn refuse_other_programs(readers: &[Reader]) -> Result<()> {
    let [first, others @ ..] = readers else { return Ok(()) };
    for other in others {
        let Header { version, program, .. } = &other.header;
        ensure!(
            *version == first.header.version,
            "{} is of version {}, {} of version {version}: a seed is not the same scenario in both",
            first.name,
            first.header.version,
            other.name
        );
        ensure!(
            *program == first.header.program,
            "{} and {} are of different builds of the programs: what one of them bears says nothing of the other",
            first.name,
            other.name
        );
    }
    Ok(())
}

/// The run that ended next, and the place of its file.
fn next_of(readers: &mut [Reader]) -> Result<Option<(usize, RunLine)>> {
    let waiting = readers.iter().enumerate().filter_map(|(place, reader)| Some((reader.next_ms()?, place)));
    let Some((_, place)) = waiting.min() else { return Ok(None) };
    Ok(readers[place].take()?.map(|run| (place, run)))
}

#[derive(Default)]
struct Merged {
    outcome: Outcome,
    /// The file that has a seed.
    seeds: BTreeMap<u64, usize>,
}

impl Merged {
    /// # Errors
    /// The seed was in another file: it would count twice.
    fn add(&mut self, place: usize, run: RunLine, readers: &[Reader]) -> Result<()> {
        let RunLine { subject, ended_ms, failure, figures, .. } = run;
        if let Subject::Seed(seed) = subject
            && let Some(other) = self.seeds.insert(seed, place)
        {
            let (one, two) = (&readers[other].name, &readers[place].name);
            ensure!(other == place, "seed {seed} is in {one} and in {two}: it would count twice");
            ensure!(other != place, "seed {seed} is twice in {one}");
        }
        self.outcome.add(subject, failure.as_ref(), &figures, Duration::from_millis(ended_ms));
        Ok(())
    }

    /// What holds of the files as wholes. Returns what a reader should know before the figures.
    fn close(&mut self, readers: &[Reader]) -> Vec<String> {
        let (mut notes, mut together, mut longest) = (Vec::new(), Duration::ZERO, Duration::ZERO);
        for Reader { name, differing, begun, ended, last_ms, .. } in readers {
            let took_ms = ended.map_or(*last_ms, |ended| ended.took_ms);
            let took = Duration::from_millis(took_ms);
            (together, longest) = (together + took, longest.max(took));
            self.outcome.failures.extend(differing.iter().cloned());
            match ended {
                Some(ended) => {
                    self.outcome.repeated += ended.repeated;
                    self.outcome.interrupted |= ended.interrupted;
                }
                None => {
                    let begun: Vec<String> = begun.iter().map(Subject::to_string).collect();
                    notes.push(format!(
                        "note: {name} has no end: its campaign was killed, or goes on; the runs that ended count, {} had begun",
                        if begun.is_empty() { "no other".to_owned() } else { begun.join(", ") }
                    ));
                }
            }
        }
        // As if they had begun at the same time, each on a machine of its own.
        self.outcome.end(longest);
        self.outcome.took = together;
        notes.extend(missing_shards(readers));
        notes
    }

    fn seeds_in_words(&self, files: usize) -> String {
        let ends = self.seeds.keys().next().zip(self.seeds.keys().next_back());
        let Some((first, last)) = ends else { return format!("in {files} files") };
        let are_all = last - first == self.seeds.len() as u64 - 1;
        let some = if are_all { "" } else { "some of " };
        format!("{some}{first} to {last}, in {files} files")
    }
}

/// Shards of the same campaign that no file is of.
fn missing_shards(readers: &[Reader]) -> Option<String> {
    let counts: BTreeSet<u64> = readers.iter().map(|reader| reader.header.shard.count).collect();
    let count = counts.first().copied().filter(|_| counts.len() == 1)?;
    let there: BTreeSet<u64> = readers.iter().map(|reader| reader.header.shard.place).collect();
    let missing: Vec<String> = (0..count)
        .filter(|place| !there.contains(place))
        .map(|place| format!("{}/{count}", place + 1))
        .collect();
    (!missing.is_empty()).then(|| format!("note: no file is of shard {}", missing.join(", ")))
}

#[cfg(test)]
mod tests;
