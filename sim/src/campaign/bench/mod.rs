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

/// What is measured, each costing more than the one before.
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
    events: u64,
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
        "\n{:<40} {:>13} {:>11} {:>15}",
        "on one core", "x real time", "operations", "us an operation"
    ))?;
    tell("bare heartbeats, 5 machines, 50 ms", &best(&beats))?;
    for (measured, (name, _)) in loads.iter().zip(LOADS) {
        tell(name, &best(measured))?;
    }
    say("")?;
    breakdown(&loads.iter().map(|measured| best(measured)).collect::<Vec<_>>())?;
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
        turn.events += verdict.figures.events;
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
    say(&format!("{name:<40} {:>13.1} {:>11} {of_each:>15}", turn.ratio(), turn.operations))
}

/// Of a simulated second with all of it: what each part adds to the one before.
fn breakdown(loads: &[Turn]) -> Result<()> {
    let cost = |turn: &Turn| 1e3 / turn.ratio();
    let [idle, clients, faults] = [cost(&loads[0]), cost(&loads[1]), cost(&loads[2])];
    say(&format!(
        "A simulated second takes {faults:.1} ms: {idle:.1} ms for heartbeats, elections and timers of an idle cluster, {:+.1} ms for what \
         clients ask, {:+.1} ms for faults and what they cause",
        clients - idle,
        faults - clients
    ))
}
