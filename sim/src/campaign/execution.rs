//! Carries a plan out: several runs at a time, each on a thread of its own. Ctrl+C (or SIGTERM) ends it with a summary of
//! what it had.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    aim::Aim,
    exit,
    failure::{shrink_and_store, store},
    guidance::Guidance,
    memory::peak_bytes,
    output::say,
    overview,
    plan::Plan,
    progress::Progress,
    repetition::{Repeated, is_repeated, repeat},
    results::{Ended, Header, RunLine, Writer},
    subject::scenario_of,
};
use crate::{
    explain,
    run::run,
    scenario::{Scenario, Version, generate, version},
    shrink::Budget,
    verdict::{Class, Outcome, Rule, Subject, Verdict},
};

/// Failures after which a campaign ends: more of them tell nothing new.
const FAILURES_MAX: usize = 5;
/// For how long the shortest failure of each rule is shrunk.
const SHRINK_TIME: Duration = Duration::from_secs(60);

/// Runs a campaign, tells what it came to, and returns the exit code that says so. Its results are in a file, `results` if one is
/// named. `shrinks`: the shortest failure of each rule is made smaller.
pub(super) fn carry_out(plan: Plan, shrinks: bool, results: Option<&Path>) -> Result<ExitCode> {
    let campaign = Arc::new(Campaign::new(plan, results)?);
    let at_interrupt = campaign.clone();
    ctrlc::set_handler(move || at_interrupt.interrupt()).context("Ctrl+C cannot be heeded")?;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..plan.jobs).map(|_| scope.spawn(|| campaign.work())).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a campaign does not panic"))
    })?;
    campaign.repeat()?;
    let code = campaign.state().end(&plan)?;
    let _ = campaign.told.set(code);
    if shrinks {
        let failures = campaign.state().shortest_of_each_rule();
        let mut pages = BTreeMap::new();
        for (rule, subject) in failures {
            say(&format!(
                "\nshrinking {}, for {} s at most",
                explain::subject(&subject),
                SHRINK_TIME.as_secs()
            ))?;
            let budget = Budget { time: SHRINK_TIME, jobs: plan.jobs };
            let page = shrink_and_store(
                &scenario_of(&subject)?,
                &Aim::Breaks(rule),
                budget,
                small(&subject).as_deref(),
            )?;
            pages.insert(rule, page);
            // The page of the campaign links to it.
            campaign.state().write_page(&plan, &pages)?;
        }
    }
    Ok(ExitCode::from(code))
}

/// Where a failure is stored that was made small, if not where all others are: a variation has the seed of what it is a variation of.
fn small(subject: &Subject) -> Option<PathBuf> {
    match subject {
        Subject::File(file) => Some(PathBuf::from(file.replace(".json", "-small.json"))),
        _ => None,
    }
}

struct Campaign {
    plan: Plan,
    enough: AtomicBool,
    /// The summary is told, and this is the exit code: what follows may be interrupted without another one.
    told: OnceLock<u8>,
    state: Mutex<State>,
}

/// What has happened so far, and how it is shown.
struct State {
    version: Version,
    /// Runs that have begun, and those of them that are of seeds.
    turns: u64,
    seeds: u64,
    guidance: Guidance,
    outcome: Outcome,
    /// Runs that are to be carried out again.
    repeated: Vec<Repeated>,
    progress: Progress,
    results: Writer,
}

/// A run that is to be.
struct Case {
    subject: Subject,
    /// It is carried out once more at the end.
    is_repeated: bool,
    scenario: Scenario,
}

impl Campaign {
    fn new(plan: Plan, results: Option<&Path>) -> Result<Self> {
        let (version, outcome) = (version(), Outcome::default());
        let results = Writer::begin(results, Header::new(&plan, version))?;
        let progress = Progress::new(plan.length(), plan.seed(0), plan.jobs);
        let guidance = Guidance::new(plan.first_seed, plan.is_guided);
        let (turns, seeds, repeated) = Default::default();
        let state = State { version, turns, seeds, guidance, outcome, repeated, progress, results };
        let (enough, told) = Default::default();
        Ok(Self { plan, enough, told, state: Mutex::new(state) })
    }

    /// Runs one seed after another, until it is enough.
    fn work(&self) -> Result<()> {
        while !self.enough.load(Ordering::Relaxed) {
            let Some(case) = self.next_case() else { return Ok(()) };
            self.state().begin(&case)?;
            let verdict = run(&case.scenario, false);
            let failures = self.state().add(case, verdict)?;
            if failures >= FAILURES_MAX {
                self.enough.store(true, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// What is run next: a seed, or in every other turn of a guided campaign a variation.
    fn next_case(&self) -> Option<Case> {
        let mut state = self.state();
        let elapsed = state.progress.elapsed();
        state.turns += 1;
        let is_turn_of_variation = state.turns.is_multiple_of(2) && !self.plan.is_over(0, elapsed);
        let variation = if is_turn_of_variation { state.guidance.vary() } else { None };
        if let Some((number, scenario)) = variation {
            return Some(Case { subject: Subject::Variation(number), is_repeated: false, scenario });
        }
        let number = state.seeds;
        let seed = self.plan.seed(number);
        if self.plan.is_over(number, elapsed) {
            return None;
        }
        state.seeds += 1;
        // To make it takes a moment.
        drop(state);
        let (subject, is_repeated) = (Subject::Seed(seed), is_repeated(number));
        Some(Case { subject, is_repeated, scenario: generate(seed) })
    }

    /// Carries some of the runs out again.
    fn repeat(&self) -> Result<()> {
        let runs = std::mem::take(&mut self.state().repeated);
        let differing = repeat(&runs, self.plan.jobs)?;
        let mut state = self.state();
        state.outcome.repeated = runs.len() as u64;
        for failed in differing {
            state.progress.tell_failure(&failed, state.version)?;
            state.results.differs(failed.clone())?;
            state.outcome.failures.push(failed);
        }
        Ok(())
    }

    /// Ends the process, and leaves the runs that are under way.
    fn interrupt(&self) {
        if let Some(code) = self.told.get() {
            std::process::exit((*code).into());
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
    /// A run begins. A variation is stored as long as it goes on: if it takes the process with it, it could not be made again.
    fn begin(&mut self, case: &Case) -> Result<()> {
        if let Subject::Variation(number) = case.subject {
            store(&case.scenario, &self.guidance.file(number))?;
        }
        self.results.begins(case.subject.clone())
    }

    /// Adds a run. Returns how many have failed so far.
    fn add(&mut self, case: Case, verdict: Verdict) -> Result<usize> {
        if case.is_repeated {
            self.repeated.push(Repeated { seed: verdict.seed, trace_hash: verdict.trace_hash });
        }
        self.guidance.learn(&case.scenario, &verdict);
        let (subject, at) = (self.stored(case, &verdict)?, self.progress.elapsed());
        self.outcome.add(subject.clone(), verdict.failure.as_ref(), &verdict.figures, at);
        if let Some(failed) = self.outcome.failures.last().filter(|_| verdict.failure.is_some()) {
            self.progress.tell_failure(failed, self.version)?;
        }
        self.results.run(RunLine::new(subject, at.as_millis() as u64, verdict))?;
        self.progress.show(&self.outcome);
        Ok(self.outcome.failures.len())
    }

    /// What the run was of. A variation that failed stays where it is stored, and says what it broke.
    fn stored(&self, case: Case, verdict: &Verdict) -> Result<Subject> {
        match (case.subject, &verdict.failure) {
            (Subject::Variation(number), Some(failure)) => {
                let file = self.guidance.file(number);
                store(&Aim::Breaks(failure.rule).noted_in(&case.scenario), &file)?;
                Ok(Subject::File(file.display().to_string()))
            }
            (Subject::Variation(number), None) => {
                let file = self.guidance.file(number);
                let removed = std::fs::remove_file(&file);
                removed.with_context(|| format!("{} cannot be removed", file.display()))?;
                Ok(Subject::Variation(number))
            }
            (subject, _) => Ok(subject),
        }
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
        self.outcome.end(self.progress.elapsed());
        self.outcome.combinations = Some(self.guidance.combinations());
        self.outcome.peak_bytes = peak_bytes();
        let Outcome { took, repeated, interrupted, .. } = self.outcome;
        say(explain::summary(&self.outcome, &plan.seeds_of(self.outcome.seeds()), self.version).trim_end())?;
        self.results.end(Ended { took_ms: took.as_millis() as u64, repeated, interrupted })?;
        let page = self.write_page(plan, &BTreeMap::new())?;
        say(&format!("results      {}\npage         {}", self.results.path().display(), page.display()))?;
        Ok(exit::of_campaign(&self.outcome))
    }

    /// Writes the page of the campaign, beside its results.
    fn write_page(&self, plan: &Plan, pages: &BTreeMap<Rule, PathBuf>) -> Result<PathBuf> {
        let page = self.results.path().with_extension("html");
        overview::write(&self.outcome, &plan.seeds_of(self.outcome.seeds()), self.version, pages, &page)?;
        Ok(page)
    }
}
