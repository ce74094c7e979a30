//! Many seeds, several at a time: progress while it runs, a summary at its end, one line to replay each failure.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    generator::generate,
    run::run,
    verdict::{Figures, Verdict},
};

/// Failures after which a campaign ends: more of them tell nothing new.
const FAILURES_MAX: usize = 5;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The first seed; the others follow it.
    pub first_seed: u64,
    /// How long.
    pub limit: Limit,
    /// Runs at a time.
    pub jobs: usize,
}

/// How long a campaign goes on.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// This many seeds.
    Seeds(u64),
    /// As many as begin within this time.
    Time(Duration),
}

/// What a campaign came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Runs that ended.
    pub runs: u64,
    /// Their figures together.
    pub figures: Figures,
    /// Real time.
    pub took: Duration,
    /// The runs that failed, by seed.
    pub failures: Vec<Verdict>,
}

/// Runs a campaign.
pub fn campaign(plan: Plan) -> Outcome {
    let began = Instant::now();
    let bar = progress_bar(plan.limit);
    let next = AtomicU64::new(0);
    let enough = AtomicBool::new(false);
    let outcome = Mutex::new(Outcome::default());
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if plan.limit.is_reached(number, began) {
                        return;
                    }
                    let verdict = run(&generate(plan.first_seed.wrapping_add(number)), false);
                    let mut outcome = outcome.lock().expect("a campaign does not panic");
                    outcome.add(verdict);
                    show(&bar, plan.limit, &outcome, began);
                    if outcome.failures.len() >= FAILURES_MAX {
                        enough.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut outcome = outcome.into_inner().expect("a campaign does not panic");
    outcome.took = began.elapsed();
    outcome.failures.sort_by_key(|verdict| verdict.seed);
    outcome
}

impl Limit {
    fn is_reached(self, number: u64, began: Instant) -> bool {
        match self {
            Limit::Seeds(seeds) => number >= seeds,
            Limit::Time(time) => began.elapsed() >= time,
        }
    }
}

impl Outcome {
    fn add(&mut self, verdict: Verdict) {
        self.runs += 1;
        self.figures.add(&verdict.figures);
        if verdict.failure.is_some() {
            self.failures.push(verdict);
        }
    }
}

fn progress_bar(limit: Limit) -> ProgressBar {
    let length = match limit {
        Limit::Seeds(seeds) => seeds,
        Limit::Time(time) => time.as_secs(),
    };
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").expect("a template of ours");
    ProgressBar::new(length).with_style(style)
}

fn show(bar: &ProgressBar, limit: Limit, outcome: &Outcome, began: Instant) {
    match limit {
        Limit::Seeds(_) => bar.set_position(outcome.runs),
        Limit::Time(time) => bar.set_position(began.elapsed().min(time).as_secs()),
    }
    let simulated_s = outcome.figures.simulated_ns / 1_000_000_000;
    bar.set_message(format!(
        "{} runs, {simulated_s} s simulated, {} failed",
        outcome.runs,
        outcome.failures.len()
    ));
}
