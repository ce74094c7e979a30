//! When changes of the state are made durable, and how fast they may come meanwhile. The log is durable already: this bounds
//! what a restart replays, and what lies in memory: of the state, and of the log, which forgets what the state holds durably.

use std::time::Duration;

use super::super::config::Retention;
use crate::{
    env::Moment,
    raft::{Entry, Index, NodeId},
};

/// What was applied, in millionths of what is worth a flush: by entries, by their bytes in the log or by the bytes of what they
/// changed, whichever is most. (A write that is rejected changes nothing, and its entry may be large.)
type Weight = u64;

/// Worth a flush.
const FLUSH: Weight = 1_000_000;
/// So much may wait while a flush is under way; then applying waits for it.
const WAITING_MAX: Weight = 2 * FLUSH;
/// Replicas apply the same entries at the same time. They take turns, so that not all flush at once.
const TURNS: u64 = 5;

pub(super) struct FlushSchedule {
    retention: Retention,
    /// Applied since the last flush began.
    entries: usize,
    /// Their bytes.
    log_bytes: usize,
    /// How far the first flush is ahead of its weight, for it is the node's turn.
    ahead: Weight,
    /// It is not to wait for more.
    is_urgent: bool,
    durable: Index,
    /// The flush under way: when it began, and what it weighs.
    under_way: Option<(Moment, Weight)>,
    /// How long the flush before took for how much.
    pace: Option<(Duration, Weight)>,
    /// Up to here applying has waited for the flush under way.
    waited_for: Weight,
}

impl FlushSchedule {
    /// Of a node whose state is durable up to an index.
    pub(super) fn new(retention: Retention, node: NodeId, durable: Index) -> Self {
        let turn = node % TURNS;
        Self {
            retention,
            entries: 0,
            log_bytes: 0,
            ahead: FLUSH / TURNS * turn,
            is_urgent: false,
            durable,
            under_way: None,
            pace: None,
            waited_for: FLUSH,
        }
    }

    /// The state is durable up to here.
    pub(super) fn durable(&self) -> Index {
        self.durable
    }

    pub(super) fn applied(&mut self, entries: &[Entry]) {
        self.entries += entries.len();
        self.log_bytes += entries.iter().map(Entry::size_bytes).sum::<usize>();
    }

    /// What was applied, and takes so much memory, is to be flushed as soon as no other flush is under way.
    pub(super) fn is_due(&self, bytes: usize) -> bool {
        self.is_urgent || self.weight(bytes) + self.ahead >= FLUSH
    }

    /// So much is to be flushed that it must not wait any longer.
    pub(super) fn is_overdue(&self, bytes: usize) -> bool {
        self.weight(bytes) >= WAITING_MAX
    }

    /// What was applied is worth a flush of its own.
    pub(super) fn flush_soon(&mut self) {
        self.is_urgent = true;
    }

    /// The disk lags behind: applying is to wait until the flush under way has ended.
    pub(super) fn is_full(&self, bytes: usize) -> bool {
        self.under_way.is_some() && self.is_overdue(bytes)
    }

    /// How long applying is to pause now, so that what waits for the disk grows no faster than the disk takes it: else all who
    /// write would stand still together when it is full. Zero while less waits than a flush.
    pub(super) fn pause(&mut self, bytes: usize) -> Duration {
        let (Some(_), Some((took, flushed))) = (self.under_way, self.pace) else { return Duration::ZERO };
        let weight = self.weight(bytes).min(WAITING_MAX);
        let more = weight.saturating_sub(self.waited_for);
        self.waited_for = self.waited_for.max(weight);
        took.mul_f64(more as f64 / flushed as f64)
    }

    fn weight(&self, bytes: usize) -> Weight {
        let Retention { sync_entries, sync_bytes, .. } = self.retention;
        let share = |part: usize, whole: usize| (part as u64).saturating_mul(FLUSH) / (whole as u64).max(1);
        let log = share(self.log_bytes, self.retention.sync_log_bytes());
        share(self.entries, sync_entries).max(share(bytes, sync_bytes)).max(log)
    }

    /// All that was applied is being flushed.
    pub(super) fn flushing(&mut self, bytes: usize, now: Moment) {
        self.under_way = Some((now, self.weight(bytes)));
        self.begin_anew();
    }

    /// A flush has ended.
    pub(super) fn flushed(&mut self, durable: Index, now: Moment) {
        if let Some((began, weight)) = self.under_way.take() {
            // A small one, which was not due for its weight, says little of the pace.
            self.pace = if weight >= FLUSH / 2 { Some((now.since(began), weight)) } else { self.pace };
        }
        self.durable = self.durable.max(durable);
    }

    /// A snapshot, which is durable up to here, took the place of everything.
    pub(super) fn installed(&mut self, durable: Index) {
        self.begin_anew();
        self.durable = self.durable.max(durable);
    }

    fn begin_anew(&mut self) {
        (self.entries, self.log_bytes, self.ahead) = (0, 0, 0);
        (self.is_urgent, self.waited_for) = (false, FLUSH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::Payload;

    const BYTES: usize = 1000;

    fn schedule(node: NodeId) -> FlushSchedule {
        let log_bytes_max = 16 * BYTES;
        let retention =
            Retention { sync_entries: 100, sync_bytes: BYTES, log_bytes_max, ..Retention::default() };
        FlushSchedule::new(retention, node, 0)
    }

    fn at(ms: u64) -> Moment {
        Moment::default() + Duration::from_millis(ms)
    }

    fn entries(count: usize) -> Vec<Entry> {
        vec![Entry { term: 1, index: 1, payload: Payload::Noop }; count]
    }

    /// One after a flush that took a second for its weight, and while another is under way.
    fn paced() -> FlushSchedule {
        let mut schedule = schedule(5);
        schedule.flushing(BYTES, at(0));
        schedule.flushed(1, at(1000));
        schedule.flushing(BYTES, at(1000));
        schedule
    }

    #[test]
    fn a_flush_is_due_for_entries_or_for_bytes_and_nodes_take_turns() {
        let mut second = schedule(5);
        second.applied(&entries(99));
        assert!(!second.is_due(BYTES - 1));
        assert!(second.is_due(BYTES));
        second.applied(&entries(1));
        assert!(second.is_due(0));
        let mut first = schedule(4);
        assert!(!first.is_due(BYTES / 5 - 1));
        assert!(first.is_due(BYTES / 5));
        first.flushing(BYTES / 5, at(0));
        assert!(!first.is_due(BYTES / 5), "the turn counts once");
        first.flush_soon();
        assert!(first.is_due(0));
    }

    /// A cluster that is out of space rejects every put, of whatever size: each is in the log all the same.
    #[test]
    fn a_flush_is_due_for_a_long_log_that_changed_nothing() {
        let mut schedule = schedule(5);
        let large =
            |bytes: usize| Entry { term: 1, index: 1, payload: Payload::Command(vec![0; bytes].into()) };
        schedule.applied(&[large(2 * BYTES)]);
        assert!(!schedule.is_due(0));
        schedule.applied(&[large(2 * BYTES)]);
        assert!(schedule.is_due(0));
        schedule.flushing(0, at(0));
        assert!(!schedule.is_due(0));
        schedule.applied(&[large(8 * BYTES)]);
        assert!(schedule.is_full(0), "and applying waits for it");
    }

    #[test]
    fn applying_goes_at_the_pace_of_the_disk_while_more_waits_than_a_flush() {
        let mut schedule = paced();
        assert_eq!(schedule.pause(BYTES), Duration::ZERO, "no more than a flush waits");
        assert_eq!(schedule.pause(BYTES + 100), Duration::from_millis(100));
        assert_eq!(schedule.pause(BYTES + 100), Duration::ZERO, "nothing came since");
        assert_eq!(schedule.pause(BYTES + 150), Duration::from_millis(50));
        assert!(!schedule.is_full(2 * BYTES - 1));
        assert!(schedule.is_full(2 * BYTES));
        assert_eq!(
            schedule.pause(100 * BYTES),
            Duration::from_millis(850),
            "then it waits for the flush to end"
        );
    }

    #[test]
    fn nothing_waits_for_a_disk_that_is_idle_or_whose_pace_is_not_known() {
        let mut idle = paced();
        idle.flushed(2, at(2000));
        assert_eq!(idle.pause(3 * BYTES), Duration::ZERO);
        assert!(!idle.is_full(3 * BYTES), "a flush begins at once");
        let mut new = schedule(5);
        new.flushing(BYTES, at(0));
        assert_eq!(new.pause(2 * BYTES), Duration::ZERO);
        assert!(new.is_full(2 * BYTES));
    }

    #[test]
    fn a_small_flush_says_nothing_of_the_pace() {
        let mut schedule = paced();
        schedule.flushed(2, at(2000));
        schedule.flushing(1, at(2000));
        schedule.flushed(3, at(9000));
        schedule.flushing(BYTES, at(9000));
        assert_eq!(schedule.pause(2 * BYTES), Duration::from_secs(1));
        schedule.installed(7);
        assert_eq!((schedule.durable(), schedule.pause(BYTES)), (7, Duration::ZERO));
    }
}
