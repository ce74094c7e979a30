//! Tries what a scenario can do without, as long as it fails in the same way: first whole pieces of its faults, then one after the
//! other, then everything else, until nothing more can go.

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

/// Whether a scenario fails in the way that is looked for.
pub(crate) type Fails<'a> = &'a (dyn Fn(&Scenario) -> bool + Sync);

/// Makes a scenario that fails smaller. `tell` hears of each that still does, and of the runs so far.
pub(crate) fn shrink(
    scenario: &Scenario,
    fails: Fails<'_>,
    budget: Budget,
    tell: &mut dyn FnMut(&Scenario, u64),
) -> Shrunk {
    let began = Instant::now();
    let search =
        Search { fails, jobs: budget.jobs.max(1), ends: began + budget.time, runs: AtomicU64::new(0) };
    let mut smallest = scenario.clone();
    loop {
        let before = smallest.clone();
        search.drop_faults(&mut smallest, tell);
        for candidates in [
            smaller::with_fewer_points,
            smaller::with_fewer_knobs,
            smaller::without_moments,
            smaller::with_less_chaos,
            smaller::simpler,
            smaller::with_shorter_faults,
        ] {
            search.take_while_it_fails(&mut smallest, candidates, tell);
        }
        if smallest == before || search.is_over() {
            break;
        }
    }
    let is_smallest = !search.is_over();
    let robustness = search.robustness(&smallest);
    let runs = search.runs.load(Ordering::Relaxed);
    Shrunk { scenario: smallest, is_smallest, runs, took: began.elapsed(), robustness }
}

struct Search<'a> {
    fails: Fails<'a>,
    jobs: usize,
    ends: Instant,
    runs: AtomicU64,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        Instant::now() >= self.ends
    }

    /// Takes pieces of faults away, half of them at first, then less and less. At the end each was tried by itself.
    fn drop_faults(&self, smallest: &mut Scenario, tell: &mut dyn FnMut(&Scenario, u64)) {
        let mut piece = smallest.faults.len().div_ceil(2);
        while piece > 0 && !self.is_over() {
            let pieces = |scenario: &Scenario| smaller::without_faults(scenario, piece);
            self.take_while_it_fails(smallest, pieces, tell);
            piece = if piece == 1 { 0 } else { piece.div_ceil(2) };
        }
    }

    /// Takes one candidate after another, as long as there is one that still fails.
    fn take_while_it_fails(
        &self,
        smallest: &mut Scenario,
        candidates: impl Fn(&Scenario) -> Vec<Scenario>,
        tell: &mut dyn FnMut(&Scenario, u64),
    ) {
        while let Some(smaller) = self.first_that_fails(&candidates(smallest)) {
            *smallest = smaller;
            tell(smallest, self.runs.load(Ordering::Relaxed));
        }
    }

    /// The first of the candidates that fails, with the schedule under which it does: the same one whatever the number of jobs,
    /// unless the time is over.
    fn first_that_fails(&self, candidates: &[Scenario]) -> Option<Scenario> {
        let next = AtomicUsize::new(0);
        let found: Mutex<Option<(usize, Scenario)>> = Mutex::default();
        let found_before = |place: usize| locked(&found).as_ref().is_some_and(|(found, _)| *found < place);
        let work = || loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(candidate) = candidates.get(place) else { return };
            if found_before(place) || self.is_over() {
                return;
            }
            if let Some(failing) = self.failing(candidate, || found_before(place)) {
                let mut found = locked(&found);
                if found.as_ref().is_none_or(|(found, _)| place < *found) {
                    *found = Some((place, failing));
                }
            }
        };
        self.at_once(work);
        found.into_inner().expect("a search does not panic").map(|(_, scenario)| scenario)
    }

    /// The candidate under the first of some schedules that makes it fail.
    fn failing(&self, candidate: &Scenario, is_needless: impl Fn() -> bool) -> Option<Scenario> {
        for schedule in schedules(candidate, SCHEDULES) {
            if is_needless() || self.is_over() {
                return None;
            }
            let candidate = Scenario { schedule, ..candidate.clone() };
            if self.fails(&candidate) {
                return Some(candidate);
            }
        }
        None
    }

    fn fails(&self, scenario: &Scenario) -> bool {
        self.runs.fetch_add(1, Ordering::Relaxed);
        (self.fails)(scenario)
    }

    /// Under how many of how many schedules it fails.
    fn robustness(&self, scenario: &Scenario) -> (u64, u64) {
        let schedules = schedules(scenario, SCHEDULES_AT_THE_END);
        let (next, failing) = (AtomicUsize::new(0), AtomicU64::new(0));
        let work = || {
            while let Some(schedule) = schedules.get(next.fetch_add(1, Ordering::Relaxed)) {
                if self.fails(&Scenario { schedule: *schedule, ..scenario.clone() }) {
                    failing.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        self.at_once(work);
        (failing.into_inner(), schedules.len() as u64)
    }

    /// As many workers as there are jobs.
    fn at_once(&self, work: impl Fn() + Sync) {
        std::thread::scope(|scope| (0..self.jobs).for_each(|_| drop(scope.spawn(&work))));
    }
}

/// The scenario's own schedule first, and others.
fn schedules(scenario: &Scenario, count: u64) -> Vec<Option<u64>> {
    let own = scenario.schedule;
    let others = (1..).map(|offset| Some(scenario.shape.seed.wrapping_add(offset)));
    std::iter::once(own).chain(others.filter(|other| *other != own)).take(count as usize).collect()
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
            let fails = |candidate: &Scenario| {
                needed.is_subset(&strikes_at(candidate))
                    && candidate.shape.clients >= 2
                    && candidate.workload.deletes_percent == scenario.workload.deletes_percent
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
        let lucky = schedules(&scenario, 3)[2];
        let count = scenario.faults.len();
        let fails = |candidate: &Scenario| candidate.faults.len() == count || candidate.schedule == lucky;
        let shrunk = shrink(&scenario, &fails, BUDGET, &mut |_, _| {});
        assert_eq!((shrunk.scenario.faults.len(), shrunk.scenario.schedule), (0, lucky));
        assert_eq!(shrunk.robustness, (1, SCHEDULES_AT_THE_END));
    }

    #[test]
    fn the_number_of_jobs_changes_nothing() {
        let scenario = generate(5);
        let fails =
            |candidate: &Scenario| candidate.faults.iter().map(|timed| timed.at_ms % 7).sum::<u64>() >= 20;
        let with = |jobs| shrink(&scenario, &fails, Budget { jobs, ..BUDGET }, &mut |_, _| {}).scenario;
        assert_eq!(with(1), with(4));
    }

    #[test]
    fn when_the_time_is_over_what_was_found_is_kept() {
        let scenario = generate(5);
        let budget = Budget { time: Duration::ZERO, ..BUDGET };
        let shrunk = shrink(&scenario, &|_| true, budget, &mut |_, _| {});
        assert!(!shrunk.is_smallest);
        assert_eq!(shrunk.scenario, scenario);
    }
}
