//! The time that a leader stamps into what it proposes: its wall time, but the state machine's time never jumps.
//!
//! Sessions (and whatever else has a time to live) expire by stamped time. A leader whose clock is an hour ahead would end
//! them all with its first stamp. So stamped time runs at most a little faster than the leader's monotonic clock, until it
//! has caught up with wall time: whoever is alive has time to say so. While nobody stamps at all, as in a blackout, stamped
//! time stands still likewise. Where wall time is behind, because an earlier leader's clock was ahead, stamped time goes on at half
//! the pace until that has caught up: whoever is gone has to expire some day.

use crate::env::{Moment, sometimes};

/// Stamped time runs at most so many percent as fast as the leader's own clock.
const PACE_PERCENT: u64 = 110;

/// And as this where wall time is behind.
const PACE_BEHIND_PERCENT: u64 = 50;

#[derive(Debug)]
pub(super) struct ProposalClock {
    latest_ms: u64,
    /// A stamp that was in step, and when that was: from there on the pace is measured.
    anchor_ms: u64,
    anchored_at: Moment,
}

impl ProposalClock {
    /// The latest stamp in the state machine is `latest_ms`, 0 for none.
    pub(super) fn new(latest_ms: u64, now: Moment) -> Self {
        Self { latest_ms, anchor_ms: latest_ms, anchored_at: now }
    }

    /// Entries were applied that bear stamps up to here, perhaps another leader's.
    pub(super) fn applied(&mut self, stamp_ms: u64, now: Moment) {
        if stamp_ms > self.latest_ms {
            self.anchor(stamp_ms, now);
        }
    }

    /// The next stamp, when the wall clock shows this: never before the last one.
    pub(super) fn next(&mut self, wall_ms: u64, now: Moment) -> u64 {
        let limit_ms = if self.anchor_ms == 0 { u64::MAX } else { self.at_pace(PACE_PERCENT, now) };
        if wall_ms > limit_ms {
            sometimes!(StampedTimeHeldBack);
            self.latest_ms = limit_ms;
        } else if wall_ms < self.latest_ms {
            let paced_ms = self.at_pace(PACE_BEHIND_PERCENT, now);
            // What time has passed is used up: it must not become the leap of a wall clock that is put right.
            if self.anchor_ms < self.latest_ms || paced_ms > self.latest_ms {
                self.anchor(self.latest_ms.max(paced_ms), now);
            }
        } else {
            self.anchor(wall_ms, now);
        }
        self.latest_ms
    }

    fn at_pace(&self, percent: u64, now: Moment) -> u64 {
        let elapsed_ms = now.since(self.anchored_at).as_millis() as u64;
        self.anchor_ms.saturating_add(elapsed_ms.saturating_mul(percent) / 100)
    }

    fn anchor(&mut self, stamp_ms: u64, now: Moment) {
        (self.latest_ms, self.anchor_ms, self.anchored_at) = (stamp_ms, stamp_ms, now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    fn at(ms: u64) -> Moment {
        Moment::default() + Duration::from_millis(ms)
    }

    #[test]
    fn the_first_stamp_of_all_is_wall_time() {
        assert_eq!(ProposalClock::new(0, at(0)).next(7 * HOUR_MS, at(0)), 7 * HOUR_MS);
    }

    #[test]
    fn stamps_follow_wall_time_and_never_fall() {
        let mut clock = ProposalClock::new(1_000, at(0));
        assert_eq!(clock.next(1_010, at(10)), 1_010);
        assert_eq!(clock.next(1_010, at(10)), 1_010);
        assert_eq!(clock.next(900, at(11)), 1_010, "the clock was set back");
        assert_eq!(clock.next(1_015, at(20)), 1_015);
    }

    #[test]
    fn an_hour_ahead_is_caught_up_with_slowly() {
        let mut clock = ProposalClock::new(1_000, at(0));
        let ahead = |ms| HOUR_MS + ms;
        for ms in 1..=10_000 {
            let stamp = clock.next(ahead(1_000 + ms), at(ms));
            assert!(stamp <= 1_000 + ms * 11 / 10, "at {ms} ms: {stamp}");
        }
        assert_eq!(clock.next(ahead(11_000), at(10_000)), 12_000);
        let caught_up = 10 * HOUR_MS;
        assert_eq!(clock.next(ahead(1_000 + caught_up), at(caught_up)), ahead(1_000 + caught_up));
    }

    /// However often it is asked, and by whatever fractions: no stamp brings more than the time that has passed.
    #[test]
    fn many_stamps_go_no_faster_than_few() {
        let mut clock = ProposalClock::new(1_000, at(0));
        let moment = |us: u64| Moment::default() + Duration::from_micros(us);
        let last = (0..=1_000_000).step_by(7).map(|us| clock.next(u64::MAX / 2, moment(us))).last();
        assert!(last.is_some_and(|stamp| (2_090..=2_100).contains(&stamp)), "{last:?}");
    }

    /// The first leader's clock was a year ahead: sessions end all the same.
    #[test]
    fn time_goes_on_where_the_wall_clock_is_behind() {
        let year_ms = 365 * 24 * HOUR_MS;
        let mut clock = ProposalClock::new(year_ms, at(0));
        let last = (0..=2 * HOUR_MS).step_by(100).map(|ms| clock.next(ms, at(ms))).last();
        assert_eq!(last, Some(year_ms + HOUR_MS));
        // It is put right: that is no leap.
        let now_ms = 2 * HOUR_MS;
        let right = |ms| year_ms + 3 * HOUR_MS + ms;
        assert_eq!(clock.next(right(0), at(now_ms)), year_ms + HOUR_MS);
        assert_eq!(clock.next(right(1_000), at(now_ms + 1_000)), year_ms + HOUR_MS + 1_100);
        // And set back after that: it goes on at half the pace from there.
        assert_eq!(clock.next(0, at(now_ms + 2_000)), year_ms + HOUR_MS + 1_100);
        assert_eq!(clock.next(0, at(now_ms + 3_000)), year_ms + HOUR_MS + 1_600);
    }

    #[test]
    fn stamps_of_other_leaders_are_a_new_measure() {
        let mut clock = ProposalClock::new(1_000, at(0));
        clock.applied(90_000, at(50));
        assert_eq!(clock.next(HOUR_MS, at(150)), 90_110);
        clock.applied(80_000, at(151));
        assert_eq!(clock.next(0, at(151)), 90_110);
    }
}
