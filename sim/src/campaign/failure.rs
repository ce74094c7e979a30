//! What is done with a scenario that fails: it is made as small as it can be, stored, and shown with the commands that go on
//! from there.
#![allow(clippy::print_stderr)]

use std::{
    fs,
    io::IsTerminal,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use indicatif::ProgressBar;

use super::output::say;
use crate::{
    explain,
    run::run,
    scenario::{Scenario, Version},
    shrink::{Budget, shrink},
    verdict::{Rule, Verdict},
};

/// Where scenarios that failed are stored.
const FOLDER: &str = "target/sim/failures";
/// Without a terminal progress is told this often.
const INTERVAL: Duration = Duration::from_secs(10);

/// Shrinks a scenario that breaks a rule, stores what is left in a file (by default one named after the rule and the seed) with its
/// page beside it, and tells all of it.
pub(super) fn shrink_and_store(
    scenario: &Scenario,
    rule: Rule,
    budget: Budget,
    file: Option<&Path>,
) -> Result<()> {
    let default = || PathBuf::from(format!("{FOLDER}/{rule}-{}.json", scenario.shape.seed));
    let file = file.map_or_else(default, Path::to_path_buf);
    let mut progress = Progress::new(scenario);
    let fails =
        |candidate: &Scenario| run(candidate, false).failure.is_some_and(|failure| failure.rule == rule);
    let shrunk = shrink(scenario, &fails, budget, &mut |smaller, runs| progress.tell(smaller, runs));
    progress.end();
    let scenario_left = with_origin(&shrunk.scenario, rule);
    store(&scenario_left, &file)?;
    let (name, page) = (file.display().to_string(), file.with_extension("html"));
    write_page(&name, &shrunk.scenario, &run(&shrunk.scenario, true), &page)?;
    say(explain::shrunk(scenario, rule, &shrunk, &name, &page.display().to_string()).trim_end())
}

/// Writes the page of a run. `what` is the seed or the file that it was replayed from.
pub(super) fn write_page(what: &str, scenario: &Scenario, verdict: &Verdict, file: &Path) -> Result<()> {
    let page = explain::page(what, scenario, verdict)?;
    fs::write(file, page).with_context(|| format!("{} cannot be written", file.display()))
}

/// The same scenario, which says where it comes from and what it broke.
pub(super) fn with_origin(scenario: &Scenario, rule: Rule) -> Scenario {
    let mut known = scenario.clone();
    known.about.version.get_or_insert_with(Version::of_this_program);
    known.about.rule = Some(rule.to_string());
    known
}

pub(super) fn store(scenario: &Scenario, file: &Path) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let text = serde_json::to_string_pretty(scenario)?;
    fs::write(file, text + "\n").with_context(|| format!("{} cannot be written", file.display()))
}

/// What is shown while it lasts: a line that changes on a terminal, elsewhere one now and then.
struct Progress {
    faults: usize,
    line: Option<ProgressBar>,
    told: Instant,
}

impl Progress {
    fn new(scenario: &Scenario) -> Self {
        let faults = scenario.faults.len();
        let line = std::io::stderr().is_terminal().then(ProgressBar::new_spinner);
        if let Some(line) = &line {
            line.enable_steady_tick(Duration::from_millis(200));
            line.set_message(format!("shrinking a scenario of {faults} faults"));
        }
        Self { faults, line, told: Instant::now() }
    }

    fn tell(&mut self, smaller: &Scenario, runs: u64) {
        let told = format!("shrinking: {} faults -> {}, {runs} runs", self.faults, smaller.faults.len());
        match &self.line {
            Some(line) => line.set_message(told),
            None if self.told.elapsed() >= INTERVAL => {
                self.told = Instant::now();
                eprintln!("{told}");
            }
            None => {}
        }
    }

    fn end(&self) {
        if let Some(line) = &self.line {
            line.finish_and_clear();
        }
    }
}
