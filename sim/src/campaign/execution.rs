//! Carries a plan out: several runs at a time, each on a thread of its own. Ctrl+C (or SIGTERM) ends it with a summary of
//! what it had.

use std::{
    process::ExitCode,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    exit,
    failure::shrink_and_store,
    output::say,
    plan::Plan,
    progress::Progress,
    repetition::{Repeated, is_repeated, repeat},
    subject::scenario_of,
};
use crate::{
    explain,
    run::run,
    scenario::{Version, generate},
    shrink::Budget,
    verdict::{Class, Outcome, Rule, Subject, Verdict},
};

/// Failures after which a campaign ends: more of them tell nothing new.
const FAILURES_MAX: usize = 5;
/// For how long the shortest failure of each rule is shrunk.
const SHRINK_TIME: Duration = Duration::from_secs(60);

/// Runs a campaign, tells what it came to, and returns the exit code that says so. `shrinks`: the shortest failure of each rule is made
/// smaller.
pub(super) fn carry_out(plan: Plan, shrinks: bool) -> Result<ExitCode> {
    let campaign = Arc::new(Campaign::new(plan));
    let at_interrupt = campaign.clone();
    ctrlc::set_handler(move || at_interrupt.interrupt()).context("Ctrl+C cannot be heeded")?;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..plan.jobs).map(|_| scope.spawn(|| campaign.work())).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a campaign does not panic"))
    })?;
    campaign.repeat()?;
    let code = campaign.state().end(&plan)?;
    if shrinks {
        let failures = campaign.state().shortest_of_each_rule();
        campaign.has_told.store(true, Ordering::Relaxed);
        for (rule, subject) in failures {
            say(&format!("\nshrinks {subject}, for {} s at most", SHRINK_TIME.as_secs()))?;
            let budget = Budget { time: SHRINK_TIME, jobs: plan.jobs };
            shrink_and_store(&scenario_of(&subject)?, rule, budget, None)?;
        }
    }
    Ok(ExitCode::from(code))
}

struct Campaign {
    plan: Plan,
    /// The number of the run that begins next.
    next: AtomicU64,
    enough: AtomicBool,
    /// The summary is told: what follows may be interrupted without another one.
    has_told: AtomicBool,
    state: Mutex<State>,
}

/// What has happened so far, and how it is shown.
struct State {
    version: Version,
    outcome: Outcome,
    /// Runs that are to be carried out again.
    repeated: Vec<Repeated>,
    progress: Progress,
}

impl Campaign {
    fn new(plan: Plan) -> Self {
        let progress = Progress::new(plan.limit);
        let (version, outcome) = (Version::of_this_program(), Outcome::default());
        let state = State { version, outcome, repeated: Vec::new(), progress };
        let (enough, has_told) = Default::default();
        Self { plan, next: AtomicU64::new(0), enough, has_told, state: Mutex::new(state) }
    }

    /// Runs one seed after another, until it is enough.
    fn work(&self) -> Result<()> {
        while !self.enough.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if self.plan.limit.is_reached(number, self.state().progress.elapsed()) {
                return Ok(());
            }
            let verdict = run(&generate(self.plan.seed(number)), false);
            let failures = self.state().add(number, verdict)?;
            if failures >= FAILURES_MAX {
                self.enough.store(true, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Carries some of the runs out again.
    fn repeat(&self) -> Result<()> {
        let runs = std::mem::take(&mut self.state().repeated);
        let differing = repeat(&runs, self.plan.jobs)?;
        let mut state = self.state();
        state.outcome.repeated = runs.len() as u64;
        for failed in differing {
            state.progress.tell_failure(&failed, state.version)?;
            state.outcome.failures.push(failed);
        }
        Ok(())
    }

    /// Ends the process, and leaves the runs that are under way.
    fn interrupt(&self) {
        if self.has_told.load(Ordering::Relaxed) {
            std::process::exit(1);
        }
        let mut state = self.state();
        state.outcome.interrupted = true;
        // What cannot be told any more must not keep it from ending.
        let code = state.end(&self.plan).unwrap_or(exit::INTERRUPTED);
        std::process::exit(code.into());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a campaign does not panic")
    }
}

impl State {
    /// Adds a run. Returns how many have failed so far.
    fn add(&mut self, number: u64, verdict: Verdict) -> Result<usize> {
        if is_repeated(number) {
            self.repeated.push(Repeated { seed: verdict.seed, trace_hash: verdict.trace_hash });
        }
        self.outcome.add(Subject::Seed(verdict.seed), &verdict);
        if let Some(failed) = self.outcome.failures.last().filter(|_| verdict.failure.is_some()) {
            self.progress.tell_failure(failed, self.version)?;
        }
        self.progress.show(&self.outcome);
        Ok(self.outcome.failures.len())
    }

    /// The runs that failed, one for each rule that broke. (A run that differs from its repetition is not made smaller: that takes two
    /// processes.)
    fn shortest_of_each_rule(&self) -> Vec<(Rule, Subject)> {
        let groups = self.outcome.by_rule().into_iter();
        let shrinkable = groups.filter(|((class, _), _)| *class != Class::Determinism);
        shrinkable.map(|((_, rule), failures)| (rule, failures[0].subject.clone())).collect()
    }

    /// Tells what it came to, and returns the exit code.
    fn end(&mut self, plan: &Plan) -> Result<u8> {
        self.progress.end();
        self.outcome.took = self.progress.elapsed();
        let seeds = plan.seeds_of(self.outcome.runs);
        say(explain::summary(&self.outcome, &seeds, self.version).trim_end())?;
        Ok(exit::of_campaign(&self.outcome))
    }
}
