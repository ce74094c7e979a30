//! Whether the disk keeps reads waiting. A leader that writes nothing would not notice by its log that its disk stands still, and would
//! lead on and answer nobody.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard},
};

/// The disk's jobs for reads that have not ended.
#[derive(Debug, Default)]
pub(super) struct Jobs(Mutex<UnderWay>);

#[derive(Debug, Default)]
struct UnderWay {
    begun: u64,
    numbers: BTreeSet<u64>,
}

/// A job, as long as it lasts.
pub(super) struct Job<'a> {
    jobs: &'a Jobs,
    number: u64,
}

impl Jobs {
    pub(super) fn begin(&self) -> Job<'_> {
        let mut under_way = self.locked();
        under_way.begun += 1;
        let number = under_way.begun;
        under_way.numbers.insert(number);
        Job { jobs: self, number }
    }

    /// The number of the one that has lasted longest.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.locked().numbers.first().copied()
    }

    fn locked(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        self.jobs.locked().numbers.remove(&self.number);
    }
}

/// For how long the same job has been the oldest one, or the same entry the last one that was applied. In ticks: a process that was
/// suspended has made none.
#[derive(Debug, Default)]
pub(super) struct Stall {
    oldest: Option<u64>,
    ticks: u32,
}

impl Stall {
    /// A tick has passed, and this is the oldest job, or the last entry.
    pub(super) fn tick(&mut self, oldest: Option<u64>) {
        let is_same = oldest.is_some() && oldest == self.oldest;
        self.ticks = if is_same { self.ticks.saturating_add(1) } else { 0 };
        self.oldest = oldest;
    }

    /// It has been that for so many ticks.
    pub(super) fn lasts(&self, ticks: u32) -> bool {
        self.ticks >= ticks
    }

    /// It has been that for just so many ticks, or for twice as many, and so on.
    pub(super) fn is_due(&self, ticks: u32) -> bool {
        self.lasts(ticks) && self.ticks.is_multiple_of(ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: (bool, bool) = (false, false);

    #[test]
    fn a_job_that_does_not_end_is_noticed_among_those_that_do() {
        let (jobs, mut stall) = (Jobs::default(), Stall::default());
        let mut tick = |jobs: &Jobs| {
            stall.tick(jobs.oldest());
            (stall.lasts(3), stall.is_due(3))
        };
        for _ in 0..9 {
            let _job = jobs.begin();
            assert_eq!(tick(&jobs), NOTHING, "each one ends");
        }
        assert_eq!(tick(&jobs), NOTHING, "there is none");
        let stuck = jobs.begin();
        let noticed: Vec<(bool, bool)> = (0..7)
            .map(|_| {
                drop(jobs.begin());
                tick(&jobs)
            })
            .collect();
        let lasting = (true, false);
        assert_eq!(noticed, [NOTHING, NOTHING, NOTHING, (true, true), lasting, lasting, (true, true)]);
        drop(stuck);
        assert!((0..9).all(|_| tick(&jobs) == NOTHING));
    }
}
