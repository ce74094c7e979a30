//! Tries what a scenario can do without, as long as it fails in the same way: first under one schedule each, which takes most of
//! it away soon; then under several, until nothing more can go.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::smaller;
use crate::scenario::Scenario;

/// Schedules under which a candidate is tried: an edit moves every later draw of the simulator, so that a failure that hangs
/// on the order of two messages may be missed under one of them.
const SCHEDULES: u64 = 4;
/// Schedules under which the result is tried, to see how much it hangs on them.
const SCHEDULES_AT_THE_END: u64 = 20;
/// The part of its time that a search takes for that at most.
const PART_FOR_THE_END: u32 = 5;

/// How long a search may take, and how many runs go on at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) time: Duration,
    pub(crate) jobs: usize,
}

/// What a search came to.
pub(crate) struct Shrunk {
    pub(crate) scenario: Scenario,
    /// Nothing more can go: each thing was tried without. False: the time was over.
    pub(crate) is_smallest: bool,
    pub(crate) runs: u64,
    pub(crate) took: Duration,
    /// Of so many schedules under which the result was tried, it fails under so many.
    pub(crate) robustness: (u64, u64),
}

/// When a scenario fails in the way that is looked for, in milliseconds from its beginning; `None`: it does not, within this much
/// simulated time at least.
pub(crate) type Fails<'a> = &'a (dyn Fn(&Scenario, Option<Duration>) -> Option<u64> + Sync);

/// Hears of each smaller scenario that still fails, and of the runs so far.
type Tell<'a> = &'a mut dyn FnMut(&Scenario, u64);

/// Makes a scenario that fails smaller.
pub(crate) fn shrink(scenario: &Scenario, fails: Fails<'_>, budget: Budget, tell: Tell<'_>) -> Shrunk {
    let began = Instant::now();
    let time_for_the_end = budget.time / PART_FOR_THE_END;
    let ends = began + budget.time - time_for_the_end;
    let search = Search { fails, jobs: budget.jobs.max(1), ends, runs: AtomicU64::new(0) };
    let failed_ms = search.fails(scenario, None).unwrap_or(u64::MAX);
    let mut smallest = Smallest { scenario: scenario.clone(), failed_ms };
    let mut schedules = 1;
    let is_smallest = loop {
        let before = smallest.scenario.clone();
        search.round(&mut smallest, schedules, tell);
        match schedules {
            _ if search.is_over() => break false,
            1 => schedules = SCHEDULES,
            _ if smallest.scenario == before => break true,
            _ => {}
        }
    };
    let Smallest { scenario, .. } = smallest;
    let robustness = search.robustness(&scenario, Instant::now() + time_for_the_end);
    let runs = search.runs.into_inner();
    Shrunk { scenario, is_smallest, runs, took: began.elapsed(), robustness }
}

struct Search<'a> {
    fails: Fails<'a>,
    jobs: usize,
    ends: Instant,
    runs: AtomicU64,
}

/// The smallest scenario so far, and when it fails.
struct Smallest {
    scenario: Scenario,
    failed_ms: u64,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        Instant::now() >= self.ends
    }

    /// Tries without each thing by itself, under so many schedules; under one, without everything, half of it and so on before that.
    fn round(&self, smallest: &mut Smallest, schedules: u64, tell: Tell<'_>) {
        let failed_ms = smallest.failed_ms;
        let cut = |scenario: &Scenario| smaller::cut_at(scenario, failed_ms);
        self.take_while_it_fails(smallest, cut, schedules, tell);
        let mut parts = if schedules == 1 { 1 } else { usize::MAX };
        loop {
            let mut largest = 0;
            for (count, without) in PIECES {
                let piece = count(&smallest.scenario).div_ceil(parts);
                largest = largest.max(piece);
                self.take_while_it_fails(smallest, |scenario| without(scenario, piece), schedules, tell);
            }
            if largest <= 1 || self.is_over() {
                break;
            }
            parts *= 2;
        }
        for candidates in [
            smaller::with_fewer_points,
            smaller::with_fewer_knobs,
            smaller::without_moments,
            smaller::with_less_chaos,
            smaller::with_shorter_faults,
        ] {
            self.take_while_it_fails(smallest, candidates, schedules, tell);
        }
    }

    /// Takes one candidate after another, as long as there is one that still fails; each time from where the last one was on, for
    /// those before it have just been tried.
    fn take_while_it_fails(
        &self,
        smallest: &mut Smallest,
        candidates: impl Fn(&Scenario) -> Vec<Scenario>,
        schedules: u64,
        tell: Tell<'_>,
    ) {
        let mut from = 0;
        let limit = limit_beside(smallest.failed_ms);
        loop {
            let mut candidates = candidates(&smallest.scenario);
            let count = candidates.len().max(1);
            candidates.rotate_left(from % count);
            let Some((place, smaller)) = self.first_that_fails(&candidates, schedules, limit) else { return };
            from = (from + place) % count;
            *smallest = smaller;
            tell(&smallest.scenario, self.runs.load(Ordering::Relaxed));
        }
    }

    /// The first of the candidates that fails, with its place: all of them under one schedule, then all of them under the next. It is the
    /// same one whatever the number of jobs, unless the time is over.
    fn first_that_fails(
        &self,
        candidates: &[Scenario],
        count: u64,
        limit: Option<Duration>,
    ) -> Option<(usize, Smallest)> {
        let cases: Vec<(usize, Scenario)> = (0..count)
            .flat_map(|turn| candidates.iter().enumerate().map(move |(place, it)| (place, under(it, turn))))
            .collect();
        let next = AtomicUsize::new(0);
        let found: Mutex<Option<(usize, u64)>> = Mutex::default();
        let work = || {
            while let number = next.fetch_add(1, Ordering::Relaxed)
                && let Some((_, case)) = cases.get(number)
                && locked(&found).is_none_or(|(found, _)| number < found)
                && !self.is_over()
            {
                if let Some(failed_ms) = self.fails(case, limit) {
                    let mut found = locked(&found);
                    if found.is_none_or(|(found, _)| number < found) {
                        *found = Some((number, failed_ms));
                    }
                }
            }
        };
        self.at_once(work);
        let (number, failed_ms) = found.into_inner().expect("a search does not panic")?;
        let (place, scenario) = cases.into_iter().nth(number)?;
        Some((place, Smallest { scenario, failed_ms }))
    }

    fn fails(&self, scenario: &Scenario, limit: Option<Duration>) -> Option<u64> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        (self.fails)(scenario, limit)
    }

    /// Under how many of how many schedules it fails: of as many as there is time for.
    fn robustness(&self, scenario: &Scenario, ends: Instant) -> (u64, u64) {
        let [next, failing, tried] = [(); 3].map(|()| AtomicU64::new(0));
        let work = || {
            while let turn = next.fetch_add(1, Ordering::Relaxed)
                && turn < SCHEDULES_AT_THE_END
                && (turn == 0 || Instant::now() < ends)
            {
                let fails = self.fails(&under(scenario, turn), None).is_some();
                failing.fetch_add(fails.into(), Ordering::Relaxed);
                tried.fetch_add(1, Ordering::Relaxed);
            }
        };
        self.at_once(work);
        (failing.into_inner(), tried.into_inner())
    }

    /// As many workers as there are jobs.
    fn at_once(&self, work: impl Fn() + Sync) {
        std::thread::scope(|scope| (0..self.jobs).for_each(|_| drop(scope.spawn(&work))));
    }
}

/// A candidate is not waited for much longer than what is known to fail took: most that have not failed by then never do, and the
/// recovery of a large cluster takes longer than its failure.
fn limit_beside(failed_ms: u64) -> Option<Duration> {
    failed_ms.checked_add(failed_ms / 4 + 1_000).map(Duration::from_millis)
}

/// What goes in pieces: how many things there are, and the scenarios that lack a piece of so many of them.
type Pieces = (fn(&Scenario) -> usize, fn(&Scenario, usize) -> Vec<Scenario>);

const PIECES: [Pieces; 2] = [
    (|scenario| scenario.faults.len(), smaller::without_faults),
    (smaller::count_of_simpler, smaller::simpler),
];

/// The scenario under its own schedule first, then under others.
fn under(scenario: &Scenario, turn: u64) -> Scenario {
    let own = scenario.schedule;
    let others = (1..).map(|offset| Some(scenario.shape.seed.wrapping_add(offset)));
    let mut schedules = std::iter::once(own).chain(others.filter(|other| *other != own));
    let schedule = schedules.nth(turn as usize).expect("there is no end of schedules");
    Scenario { schedule, ..scenario.clone() }
}

fn locked<T>(found: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    found.lock().expect("a search does not panic")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::scenario::generate;

    const BUDGET: Budget = Budget { time: Duration::from_secs(60), jobs: 2 };

    fn strikes_at(scenario: &Scenario) -> BTreeSet<u64> {
        scenario.faults.iter().map(|timed| timed.at_ms).collect()
    }

    #[test]
    fn nothing_is_left_but_what_the_failure_needs() {
        for seed in 0..40 {
            let mut scenario = generate(seed);
            scenario.shape.clients = scenario.shape.clients.max(2);
            let all: Vec<u64> = strikes_at(&scenario).into_iter().collect();
            // It needs every seventh fault, two clients, and deletes.
            let needed: BTreeSet<u64> = all.iter().copied().step_by(7).collect();
            let fails = |candidate: &Scenario, _: Option<Duration>| {
                let does = needed.is_subset(&strikes_at(candidate))
                    && candidate.shape.clients >= 2
                    && candidate.workload.deletes_percent == scenario.workload.deletes_percent;
                does.then_some(u64::MAX)
            };
            let shrunk = shrink(&scenario, &fails, BUDGET, &mut |_, _| {});
            assert!(shrunk.is_smallest, "seed {seed}");
            assert_eq!(strikes_at(&shrunk.scenario), needed, "seed {seed}");
            let Scenario { shape, workload, .. } = &shrunk.scenario;
            assert_eq!(workload.keys, 1, "seed {seed}");
            assert!(shape.clients >= 2, "seed {seed}");
            assert_eq!(workload.deletes_percent, scenario.workload.deletes_percent);
            assert_eq!(shrunk.robustness, (SCHEDULES_AT_THE_END, SCHEDULES_AT_THE_END));
        }
    }

    #[test]
    fn what_fails_under_another_schedule_only_is_found_and_keeps_that_schedule() {
        let scenario = generate(3);
        let lucky = under(&scenario, 2).schedule;
        let count = scenario.faults.len();
        let does = |candidate: &Scenario| candidate.faults.len() == count || candidate.schedule == lucky;
        let fails = |candidate: &Scenario, _: Option<Duration>| does(candidate).then_some(u64::MAX);
        let shrunk = shrink(&scenario, &fails, BUDGET, &mut |_, _| {});
        assert_eq!((shrunk.scenario.faults.len(), shrunk.scenario.schedule), (0, lucky));
        assert_eq!(shrunk.robustness, (1, SCHEDULES_AT_THE_END));
    }

    #[test]
    fn what_comes_after_the_failure_goes_at_once() {
        let scenario = generate(5);
        let middle = scenario.faults[scenario.faults.len() / 2].at_ms;
        let until = scenario.faults.iter().filter(|timed| timed.at_ms <= middle).count();
        let fails = |candidate: &Scenario, _: Option<Duration>| {
            let all = candidate.faults.iter().filter(|timed| timed.at_ms <= middle).count() == until;
            all.then_some(middle)
        };
        let shrunk = shrink(&scenario, &fails, BUDGET, &mut |_, _| {});
        assert_eq!(shrunk.scenario.faults.len(), until);
        assert!(shrunk.scenario.chaos_ms <= middle + 1);
    }

    #[test]
    fn the_number_of_jobs_changes_nothing() {
        let scenario = generate(5);
        let sum = |candidate: &Scenario| candidate.faults.iter().map(|timed| timed.at_ms % 7).sum::<u64>();
        let fails = |candidate: &Scenario, _: Option<Duration>| (sum(candidate) >= 20).then_some(u64::MAX);
        let with = |jobs| shrink(&scenario, &fails, Budget { jobs, ..BUDGET }, &mut |_, _| {}).scenario;
        assert_eq!(with(1), with(4));
    }

    #[test]
    fn when_the_time_is_over_what_was_found_is_kept() {
        let scenario = generate(5);
        let budget = Budget { time: Duration::ZERO, ..BUDGET };
        let shrunk = shrink(&scenario, &|_, _| Some(0), budget, &mut |_, _| {});
        assert!(!shrunk.is_smallest);
        assert_eq!(shrunk.scenario, scenario);
    }
}
