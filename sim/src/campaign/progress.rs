//! What a campaign shows while it lasts: a bar on a terminal; elsewhere, a line now and then. Failures are told when they
//! occur, so that a campaign that is killed has told what it had.
#![allow(clippy::print_stderr)]

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use super::{output::say, plan::Limit};
use crate::{
    explain,
    probes::Probe,
    scenario::Version,
    verdict::{Failed, Outcome},
};

/// Without a terminal progress is told this often.
const INTERVAL: Duration = Duration::from_secs(30);

pub(super) struct Progress {
    limit: Limit,
    began: std::time::Instant,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines { told: std::time::Instant },
}

impl Progress {
    /// Of a campaign that begins now: says so, for the first runs take a while.
    pub(super) fn new(limit: Limit, first_seed: u64, jobs: usize) -> Self {
        let until = match limit {
            Limit::Seeds(seeds) => format!("{seeds} seeds"),
            Limit::Time(time) => format!("{} s", time.as_secs()),
        };
        eprintln!(
            "runs {until} from seed {first_seed} on, {jobs} at a time; Ctrl+C ends it with what it had"
        );
        let began = std::time::Instant::now();
        let shown = match std::io::stderr().is_terminal() {
            true => Shown::Bar(bar(limit)),
            false => Shown::Lines { told: began },
        };
        Self { limit, began, shown }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// A run has ended, and is part of the outcome.
    pub(super) fn show(&mut self, outcome: &Outcome) {
        let elapsed = self.began.elapsed();
        let told = so_far(outcome, elapsed);
        match (&mut self.shown, self.limit) {
            (Shown::Bar(bar), limit) => {
                bar.set_position(match limit {
                    Limit::Seeds(_) => outcome.runs,
                    Limit::Time(time) => elapsed.min(time).as_secs(),
                });
                bar.set_message(told);
            }
            (Shown::Lines { told: latest }, limit) if latest.elapsed() >= INTERVAL => {
                *latest = std::time::Instant::now();
                let aim = match limit {
                    Limit::Seeds(seeds) => format!("of {seeds} seeds"),
                    Limit::Time(time) => format!("of {} s", time.as_secs()),
                };
                eprintln!("after {} s {aim}: {told}", elapsed.as_secs());
            }
            (Shown::Lines { .. }, _) => {}
        }
    }

    /// A run has failed.
    pub(super) fn tell_failure(&self, failed: &Failed, version: Version) -> anyhow::Result<()> {
        let text = explain::failure(failed, version);
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(|| say(&text)),
            Shown::Lines { .. } => say(&text),
        }
    }

    /// The campaign is over.
    pub(super) fn end(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn so_far(outcome: &Outcome, elapsed: Duration) -> String {
    let Outcome { runs, figures, failures, .. } = outcome;
    format!(
        "{runs} runs ({:.1} a second), {} s simulated, {} elections, {} faults, {} of {} probes reached, {} failed",
        *runs as f64 / elapsed.as_secs_f64().max(1e-9),
        figures.simulated_ns / 1_000_000_000,
        figures.elections,
        figures.faults.values().sum::<u64>(),
        figures.probes.len(),
        Probe::all().count(),
        failures.len()
    )
}

fn bar(limit: Limit) -> ProgressBar {
    let length = match limit {
        Limit::Seeds(seeds) => seeds,
        Limit::Time(time) => time.as_secs(),
    };
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").expect("a template of ours");
    ProgressBar::new(length).with_style(style)
}
