//! `cargo sim refresh`: a stored scenario that does not reach what it is kept for any more is given a schedule under which it does. Any
//! change of the programs moves what the simulator draws by itself.

use std::{
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use super::{
    failure::{FOLDER, store},
    output::say,
};
use crate::{explain, run::run, scenario::Scenario};

/// Looks for a schedule for so long, and stores it in the scenario's file.
pub(super) fn refresh(file: &Path, scenario: &Scenario, time: Duration) -> Result<ExitCode> {
    let name = file.display();
    ensure!(!scenario.reaches.is_empty(), "{name} names no probes that it is kept for: add \"reaches\"");
    let began = Instant::now();
    let own = scenario.schedule;
    let mut tried = 0;
    loop {
        let schedule = if tried == 0 { own } else { Some(tried) };
        tried += 1;
        let candidate = Scenario { schedule, ..scenario.clone() };
        let verdict = run(&candidate, false);
        if let Some(failure) = verdict.failure {
            let failed = Path::new(FOLDER).join("refreshed.json");
            store(&candidate, &failed)?;
            bail!("it fails under schedule {schedule:?}, stored as {}: {failure}", failed.display());
        }
        if explain::missed(&candidate, &verdict.figures).is_empty() {
            if schedule != own {
                store(&candidate, file)?;
            }
            let told = schedule.map_or_else(|| "its own schedule".to_owned(), |it| format!("schedule {it}"));
            return say(&format!("{name} reaches what it is kept for under {told}"))
                .map(|()| ExitCode::SUCCESS);
        }
        ensure!(
            began.elapsed() < time,
            "{name} does not reach what it is kept for, under none of {tried} schedules"
        );
    }
}
