//! `cargo sim bench`: how much faster than real time one core simulates, and where the time goes.
//!
//! Everything is measured in turns in one process, and the best turn counts: whatever else the machine does only makes a turn
//! slower.

mod heartbeats;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::output::say;
use crate::{
    run::run,
    scenario::{Load, reference},
};

/// Scenarios of a load in a turn.
const SEEDS: u64 = 4;
/// Simulated time of the heartbeats in a turn.
const BEATING: Duration = Duration::from_secs(1_000);

/// What is measured.
const LOADS: [(&str, Load); 3] = [
    ("an idle cluster", Load::Idle),
    ("100 operations a second", Load::Clients),
    ("the same, with faults and every judge", Load::Faults),
];

/// Simulated time, and what it took.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    simulated: Duration,
    took: Duration,
    operations: u64,
}

impl Turn {
    fn ratio(&self) -> f64 {
        self.simulated.as_secs_f64() / self.took.as_secs_f64()
    }
}

/// Measures, and tells.
///
/// # Errors
/// A run is red: its time means nothing.
pub(super) fn bench(turns: u32) -> Result<ExitCode> {
    ensure!(turns > 0, "--turns 0 measures nothing: give at least 1");
    let mut beats = Vec::new();
    let mut loads = vec![Vec::new(); LOADS.len()];
    for turn in 1..=turns {
        say(&format!("turn {turn} of {turns}"))?;
        beats.push(beat());
        for (measured, (_, load)) in loads.iter_mut().zip(LOADS) {
            measured.push(carry(load)?);
        }
    }
    say(&format!(
        "\n{:<40} {:>13} {:>16} {:>12} {:>15}",
        "on one core", "x real time", "ms for a second", "operations", "us an operation"
    ))?;
    tell("bare heartbeats, 5 machines, 50 ms", &best(&beats))?;
    for (measured, (name, _)) in loads.iter().zip(LOADS) {
        tell(name, &best(measured))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn beat() -> Turn {
    let begun = Instant::now();
    heartbeats::beat(BEATING);
    Turn { simulated: BEATING, took: begun.elapsed(), ..Turn::default() }
}

fn carry(load: Load) -> Result<Turn> {
    let mut turn = Turn::default();
    for seed in 1..=SEEDS {
        let begun = Instant::now();
        let verdict = run(&reference(seed, load), false);
        turn.took += begun.elapsed();
        if let Some(failure) = verdict.failure {
            anyhow::bail!("the reference load of seed {seed} is red, and its speed means nothing: {failure}");
        }
        turn.simulated += Duration::from_nanos(verdict.figures.simulated_ns);
        turn.operations += verdict.figures.operations.values().sum::<u64>();
    }
    Ok(turn)
}

fn best(turns: &[Turn]) -> Turn {
    turns.iter().copied().max_by(|a, b| a.ratio().total_cmp(&b.ratio())).unwrap_or_default()
}

fn tell(name: &str, turn: &Turn) -> Result<()> {
    let of_each = match turn.operations {
        0 => "-".to_owned(),
        operations => format!("{:.0}", turn.took.as_secs_f64() * 1e6 / operations as f64),
    };
    let (ratio, operations) = (turn.ratio(), turn.operations);
    say(&format!("{name:<40} {ratio:>13.1} {:>16.1} {operations:>12} {of_each:>15}", 1e3 / ratio))
}
