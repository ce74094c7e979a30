//! Whether the disk keeps reads waiting. A leader that writes nothing would not notice by its log that its disk stands still, and would
//! lead on and answer nobody.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
};

/// The disk's jobs for reads that have not ended.
#[derive(Debug, Default)]
pub(super) struct Jobs(Mutex<UnderWay>);

#[derive(Debug, Default)]
struct UnderWay {
    begun: u64,
    numbers: BTreeSet<u64>,
}

/// A job, as long as it lasts: it goes with the work, which goes on when nobody waits for it any more.
pub(super) struct Job {
    jobs: Arc<Jobs>,
    number: u64,
}

impl Jobs {
    pub(super) fn begin(self: &Arc<Self>) -> Job {
        let mut under_way = self.locked();
        under_way.begun += 1;
        let number = under_way.begun;
        under_way.numbers.insert(number);
        Job { jobs: self.clone(), number }
    }

    /// The number of the one that has lasted longest.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.locked().numbers.first().copied()
    }

    fn locked(&self) -> MutexGuard<'_, UnderWay> {
        self.0.lock().expect("nobody panics with it")
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.jobs.locked().numbers.remove(&self.number);
    }
}

/// Where reads wait: for the disk, or for entries that are applied first.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    /// Of the disk's jobs for reads.
    reading: Stall,
    /// Of entries that are committed and not applied.
    applying: Stall,
    /// The same, though it is being worked at.
    entry: Stall,
}

impl Stalls {
    /// A tick has passed. This is the oldest job, and the last entry that was applied if there is more to apply; so many changes of the
    /// state were made. An entry that goes on is no stall, however long it takes (one may delete millions of keys): every node that
    /// leads is at it for as long. Nor are the reads that wait for it. What else is changed excuses no read that does not end; one that does not
    /// end while one long entry follows the other is noticed after them.
    pub(super) fn tick(&mut self, job: Option<u64>, entry: Option<u64>, changes: u64, ticks: u32) {
        self.applying.tick(entry.map(|entry| (entry, changes)));
        self.entry.tick(entry.map(|entry| (entry, 0)));
        let waits_for = if self.entry.lasts(ticks / 2) { changes } else { 0 };
        self.reading.tick(job.map(|job| (job, waits_for)));
    }

    /// One has lasted for so many ticks.
    pub(super) fn lasts(&self, ticks: u32) -> bool {
        self.reading.lasts(ticks) || self.applying.lasts(ticks)
    }

    /// One has lasted for just so many ticks, or for twice as many, and so on.
    pub(super) fn is_due(&self, ticks: u32) -> bool {
        self.reading.is_due(ticks) || self.applying.is_due(ticks)
    }
}

/// For how long the same job has been the oldest one, or the same entry the last one that was applied, while nothing moved that it may wait
/// for. In ticks: a process that was suspended has made none.
#[derive(Debug, Default)]
struct Stall {
    at: Option<(u64, u64)>,
    ticks: u32,
}

impl Stall {
    /// A tick has passed, and this is the oldest job, or the last entry, and how far that has come which it may wait for.
    fn tick(&mut self, at: Option<(u64, u64)>) {
        let is_same = at.is_some() && at == self.at;
        self.ticks = if is_same { self.ticks.saturating_add(1) } else { 0 };
        self.at = at;
    }

    fn lasts(&self, ticks: u32) -> bool {
        self.ticks >= ticks
    }

    fn is_due(&self, ticks: u32) -> bool {
        self.lasts(ticks) && self.ticks.is_multiple_of(ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: (bool, bool) = (false, false);

    #[test]
    fn a_job_that_does_not_end_is_noticed_among_those_that_do() {
        let (jobs, mut stalls) = (Arc::new(Jobs::default()), Stalls::default());
        let mut tick = |jobs: &Jobs| {
            stalls.tick(jobs.oldest(), None, 0, 3);
            (stalls.lasts(3), stalls.is_due(3))
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

    const TICKS: u32 = 8;

    /// How many ticks passed before one lasted; `None`: none did, for long. At each tick: the entry, and the changes.
    fn lasts_after(stalls: &mut Stalls, at: impl Fn(u64) -> (u64, u64)) -> Option<u64> {
        let job = Some(1);
        (0..20 * u64::from(TICKS)).find(|tick| {
            let (entry, changes) = at(*tick);
            stalls.tick(job, Some(entry), changes, TICKS);
            stalls.lasts(TICKS)
        })
    }

    #[test]
    fn a_long_entry_is_no_stall_as_long_as_it_goes_on_nor_are_the_reads_that_wait_for_it() {
        let mut stalls = Stalls::default();
        assert_eq!(lasts_after(&mut stalls, |tick| (7, 1000 + tick)), None);
        assert_eq!(
            lasts_after(&mut stalls, |_| (7, 5000)),
            Some(TICKS.into()),
            "the disk stands still in the middle of it"
        );
        assert_eq!(
            lasts_after(&mut Stalls::default(), |_| (7, 5000)),
            Some(TICKS.into()),
            "or before it begins"
        );
    }

    #[test]
    fn a_read_that_does_not_end_is_a_stall_though_one_entry_after_the_other_is_applied() {
        let two_ticks_each = |tick: u64| (7 + tick / 2, tick);
        assert_eq!(lasts_after(&mut Stalls::default(), two_ticks_each), Some(TICKS.into()));
    }
}
