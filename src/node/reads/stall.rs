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
    /// So many changes were made of the state.
    changes: u64,
}

impl Stalls {
    /// A tick has passed. This is the oldest job, and the last entry that was applied if there is more to apply; so many changes of the
    /// state were made. An entry that goes on is no stall, however long it takes (one may delete millions of keys): every node that
    /// leads is at it for as long. Nor do the ticks count for the reads, which may wait for it. What else is changed excuses no read that
    /// does not end.
    pub(super) fn tick(&mut self, job: Option<u64>, entry: Option<u64>, changes: u64, ticks: u32) {
        let goes_on = changes != self.changes;
        self.changes = changes;
        self.applying.tick(entry.map(|entry| (entry, changes)), true);
        self.entry.tick(entry.map(|entry| (entry, 0)), true);
        self.reading.tick(job.map(|job| (job, 0)), !(goes_on && self.entry.lasts(ticks / 2)));
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

/// For how long the same job has been the oldest one, or the same entry the last one that was applied, while nothing moved that it
/// may wait for. In ticks: a process that was suspended has made none.
#[derive(Debug, Default)]
struct Stall {
    at: Option<(u64, u64)>,
    ticks: u32,
    /// The last tick was counted.
    is_counted: bool,
}

impl Stall {
    /// A tick has passed, and this is the oldest job, or the last entry, and how far that has come. A tick that does not count is
    /// no end of what lasts.
    fn tick(&mut self, at: Option<(u64, u64)>, counts: bool) {
        let is_same = at.is_some() && at == self.at;
        self.at = at;
        self.is_counted = is_same && counts;
        self.ticks = if is_same { self.ticks.saturating_add(u32::from(counts)) } else { 0 };
    }

    fn lasts(&self, ticks: u32) -> bool {
        self.ticks >= ticks
    }

    fn is_due(&self, ticks: u32) -> bool {
        self.is_counted && self.lasts(ticks) && self.ticks.is_multiple_of(ticks)
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
        let stands_still = lasts_after(&mut stalls, |_| (7, 5000)).expect("in the middle of it");
        assert!((u64::from(TICKS) / 2..=u64::from(TICKS)).contains(&stands_still), "{stands_still}");
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
        // Each is long: of its ticks the first half counts.
        for entry_ticks in u64::from(TICKS) / 2 + 1..3 * u64::from(TICKS) {
            let long_ones = |tick: u64| (7 + tick / entry_ticks, tick);
            assert!(lasts_after(&mut Stalls::default(), long_ones).is_some(), "{entry_ticks} ticks each");
        }
    }

    #[test]
    fn a_job_lasts_as_long_as_its_work() {
        let jobs = Arc::new(Jobs::default());
        let job = jobs.begin();
        let work = move || drop(job);
        assert_eq!(jobs.oldest(), Some(1), "nobody waits for it any more");
        work();
        assert_eq!(jobs.oldest(), None);
    }
}
