//! `cargo sim repeat`: where two runs of one scenario part.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};

use super::{exit::DIFFERENT, output::say, repetition::this_program};
use crate::{run::run, scenario::Scenario, scenario::generate};

/// Events before the first that differs which are shown.
const SHOWN_BEFORE: usize = 5;

/// Runs a scenario in another process, alone, and in this one after some other seeds; tells whether the events are the same, and which
/// is the first that is not. `what` names the scenario on the command line.
pub(super) fn repeat(what: &str, scenario: &Scenario, after: &[u64]) -> Result<ExitCode> {
    let mut command = this_program();
    command.args(["replay", "--json", "--all", what]).stdin(Stdio::null()).stdout(Stdio::piped());
    let alone = command.spawn().context("the run cannot be started in another process")?;
    after.iter().for_each(|&seed| drop(run(&generate(seed), false)));
    let here = run(scenario, true).story;
    let here: Vec<String> = here.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let alone = alone.wait_with_output().context("the run in another process did not end")?;
    let alone = String::from_utf8_lossy(&alone.stdout);
    let alone: Vec<&str> = alone.lines().filter(|line| line.starts_with("{\"at_ns\"")).collect();
    let same = here.iter().zip(&alone).take_while(|(here, alone)| here == *alone).count();
    if same == here.len() && same == alone.len() {
        return say(&format!("the same {same} events, here and in another process"))
            .map(|()| ExitCode::SUCCESS);
    }
    say(&format!("{same} events are the same, the last of them:"))?;
    here[same.saturating_sub(SHOWN_BEFORE)..same].iter().try_for_each(|event| say(&format!("  {event}")))?;
    let shown = |event: Option<&str>| event.unwrap_or("nothing more").to_owned();
    say(&format!("here:             {}", shown(here.get(same).map(String::as_str))))?;
    say(&format!("in another process: {}", shown(alone.get(same).copied())))?;
    Ok(ExitCode::from(DIFFERENT))
}
