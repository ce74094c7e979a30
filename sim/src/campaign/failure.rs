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

use super::{
    aim::Aim,
    output::{make_folder_of, say},
};
use crate::{
    explain,
    run::{run, run_for},
    scenario::Scenario,
    shrink::{Budget, shrink},
    verdict::Verdict,
};

/// Where scenarios that failed are stored.
pub(super) const FOLDER: &str = "target/sim/failures";
/// Without a terminal progress is told this often.
const INTERVAL: Duration = Duration::from_secs(10);

/// Shrinks a scenario as far as its aim is still met, stores what is left in a file (by default one named after the aim and the seed)
/// with its page beside it, and tells all of it. Returns where the page is.
pub(super) fn shrink_and_store(
    scenario: &Scenario,
    aim: &Aim,
    budget: Budget,
    file: Option<&Path>,
) -> Result<PathBuf> {
    let default = || PathBuf::from(format!("{FOLDER}/{aim}-{}.json", scenario.shape.seed));
    let file = file.map_or_else(default, Path::to_path_buf);
    // Whoever interrupts it has the smallest so far; and what cannot be written is known before the work.
    store(&aim.noted_in(scenario), &file)?;
    let mut progress = Progress::new(scenario);
    let meets = |candidate: &Scenario, limit: Option<Duration>| {
        let verdict = run_for(candidate, false, limit);
        aim.is_met(&verdict).then(|| verdict.ended_ms())
    };
    let shrunk = shrink(scenario, &meets, budget, &mut |smaller, runs| {
        progress.tell(smaller, runs);
        // The last one is stored below, where it is told if that cannot be.
        let _ = store(&aim.noted_in(smaller), &file);
    });
    progress.end();
    store(&aim.noted_in(&shrunk.scenario), &file)?;
    let (name, page) = (file.display().to_string(), file.with_extension("html"));
    write_page(&name, &shrunk.scenario, &run(&shrunk.scenario, true), &page)?;
    let told = match aim {
        Aim::Breaks(rule) => explain::shrunk(scenario, ("rule", &rule.to_string()), &shrunk, &name),
        Aim::Reaches(_) => explain::shrunk(scenario, ("reaches", &aim.to_string()), &shrunk, &name),
    };
    say(told.trim_end())?;
    Ok(page)
}

/// Writes the page of a run. `what` is the seed or the file that it was replayed from.
pub(super) fn write_page(what: &str, scenario: &Scenario, verdict: &Verdict, file: &Path) -> Result<()> {
    let page = explain::page(what, scenario, verdict)?;
    fs::write(file, page).with_context(|| format!("{} cannot be written", file.display()))
}

pub(super) fn store(scenario: &Scenario, file: &Path) -> Result<()> {
    make_folder_of(file)?;
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
