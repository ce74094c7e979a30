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
    /// A tick has passed, and this is the oldest job, or the last entry. True when it has been that for so many ticks, and again
    /// after as many more.
    pub(super) fn tick(&mut self, oldest: Option<u64>, ticks_max: u32) -> bool {
        self.ticks = if oldest.is_some() && oldest == self.oldest { self.ticks + 1 } else { 0 };
        self.oldest = oldest;
        let is_long = self.ticks >= ticks_max;
        if is_long {
            self.ticks = 0;
        }
        is_long
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_does_not_end_is_noticed_among_those_that_do() {
        let (jobs, mut stall) = (Jobs::default(), Stall::default());
        let mut tick = |jobs: &Jobs| stall.tick(jobs.oldest(), 3);
        for _ in 0..9 {
            let _job = jobs.begin();
            assert!(!tick(&jobs), "each one ends");
        }
        assert!(!tick(&jobs), "there is none");
        let stuck = jobs.begin();
        let noticed: Vec<bool> = (0..7)
            .map(|_| {
                drop(jobs.begin());
                tick(&jobs)
            })
            .collect();
        assert_eq!(noticed, [false, false, false, true, false, false, true]);
        drop(stuck);
        assert!((0..9).all(|_| !tick(&jobs)));
    }
}
