//! Reads by lease: no round at all, as long as clocks run at about the same rate (thesis, section 6.4.1).
//!
//! Who answers a heartbeat promises to let nobody depose the leader for a span of its own clock. A leader that a quorum
//! answered may therefore serve reads by itself until that span has passed since it sent the heartbeat, less what the
//! clocks may differ: [`Lease::new`] says how long that is. The promise outlives everything a node may do meanwhile:
//! learn of a later term, change its role, crash and come back, with leases off or a shorter election timeout too: how
//! long it promised is on its disk ([`InitialState::promised_ticks`](super::InitialState::promised_ticks)). A leader that
//! asked another node to take over has broken it itself, and reads by rounds for the rest of its term.
//!
//! What this rests on, and reads by rounds do not: clocks that run, at rates that differ by no more than was said.

use std::collections::VecDeque;

use super::{
    quorum::quorum_value,
    raft::{Raft, Shared},
    role::Role,
};

/// What a node promises as a voter, and how long it relies on the promises of others as a leader. Spans are in
/// microseconds of its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    pub(super) promise_us: u64,
    pub(super) length_us: u64,
}

impl Lease {
    /// How long a promise the node gives, in microseconds of its own clock.
    pub fn promise_us(&self) -> u64 {
        self.promise_us
    }

    /// The ticks that pass before a promise of so many microseconds is over: the first may come at once. 0 for none.
    pub fn ticks_of(promise_us: u64, tick_us: u64) -> u32 {
        match promise_us {
            0 => 0,
            _ => promise_us.div_ceil(tick_us.max(1)).saturating_add(1).try_into().unwrap_or(u32::MAX),
        }
    }

    /// The lease of a node that lets nobody depose a leader for `election_ticks_min` ticks, when no clock of the cluster
    /// runs faster or slower than true time by more than `drift_percent`: the promise may be over early by that much, and
    /// by one tick (the first may come at once); the leader may be late by that much.
    pub fn new(election_ticks_min: u32, tick_us: u64, drift_percent: u32) -> Self {
        assert!(drift_percent < 100, "a clock that may stand still measures nothing");
        let promise_us = u64::from(election_ticks_min - 1) * tick_us;
        let length_us = promise_us * u64::from(100 - drift_percent) / u64::from(100 + drift_percent);
        Self { promise_us, length_us }
    }
}

/// The leader's side. Invariant: `begun` is in order of the rounds.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct LeaderLease {
    /// The rounds that are not confirmed, and when each began.
    begun: VecDeque<(u64, u64)>,
    ends_at_us: u64,
    /// Somebody was asked to take over.
    ended_for_this_term: bool,
}

impl LeaderLease {
    /// What is confirmed too late prolongs nothing: such rounds are forgotten, or they would pile up where most voters promise nothing.
    pub(super) fn begin(&mut self, round: u64, now_us: u64, length_us: u64) {
        let is_late = |&(_, began_us): &(u64, u64)| began_us + length_us <= now_us;
        while self.begun.front().is_some_and(is_late) {
            self.begun.pop_front();
        }
        self.begun.push_back((round, now_us));
    }

    pub(super) fn end_for_this_term(&mut self) {
        self.ended_for_this_term = true;
    }

    /// The members change: those who vote from now on may have promised nothing.
    pub(super) fn reset(&mut self) {
        self.begun.clear();
        self.ends_at_us = 0;
    }

    fn confirmed(&mut self, round: u64, length_us: u64) {
        while let Some(&(oldest, began_us)) = self.begun.front() {
            if oldest > round {
                break;
            }
            self.begun.pop_front();
            self.ends_at_us = self.ends_at_us.max(began_us + length_us);
        }
    }
}

impl Raft {
    /// Tells what this node's clock shows, in microseconds, never backwards: after the inputs and before their effects. A
    /// read that is allowed then was asked for before the lease was looked at.
    pub fn set_time(&mut self, now_us: u64) {
        assert!(now_us >= self.shared.now_us, "a node's time never runs backwards");
        self.shared.now_us = now_us;
    }

    /// What its clock showed when it was last told.
    pub fn time_us(&self) -> u64 {
        self.shared.now_us
    }

    /// Whether reads may be served by this node alone, now.
    pub fn holds_lease(&self) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        let knows_commit = self.shared.commit >= leader.term_start;
        knows_commit && !leader.lease.ended_for_this_term && self.shared.now_us < leader.lease.ends_at_us
    }

    /// Whether it gives promises to who reads by lease, or an earlier life of it may have given one that is not over.
    pub fn keeps_promises(&self) -> bool {
        self.shared.options.lease.is_some() || self.shared.lease_promise_ticks > 0
    }

    /// Prolongs the lease by the rounds that a quorum has answered, with a promise as long as is relied on.
    pub(super) fn prolong_lease(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(lease) = self.shared.options.lease else { return };
        let (own, latest) = (self.shared.options.id, leader.rounds.latest());
        let configuration = self.shared.configuration();
        let confirmed = quorum_value(configuration, |id| match id == own {
            true => latest,
            false => leader.peers.get(&id).map_or(0, |progress| progress.promised_round),
        });
        leader.lease.confirmed(confirmed, lease.length_us);
    }
}

impl Shared {
    /// How long a promise this node gives when it answers a heartbeat; 0 for none.
    pub(super) fn promise_us(&self) -> u64 {
        self.options.lease.map_or(0, |lease| lease.promise_us)
    }

    /// Gives the promise. A node that comes up does so as well: it may have given it just before it went down. A longer one of an
    /// earlier life is kept.
    pub(super) fn give_lease_promise(&mut self) {
        if self.options.lease.is_some() {
            self.lease_promise_ticks = self.lease_promise_ticks.max(self.options.election_ticks_min);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{Configuration, InitialState, Options, RoleName};

    #[test]
    fn a_lease_is_shorter_than_the_promise_by_what_two_clocks_may_differ() {
        let lease = Lease::new(11, 1_000, 10);
        assert_eq!(lease.promise_us, 10_000);
        assert_eq!(lease.length_us, 8_181);
        assert_eq!(Lease::new(11, 1_000, 0).length_us, 10_000);
    }

    #[test]
    fn a_promise_lasts_for_the_same_time_whatever_a_tick_is() {
        let promise_us = Lease::new(11, 1_000, 10).promise_us();
        assert_eq!([1_000, 3_000, 20_000].map(|tick_us| Lease::ticks_of(promise_us, tick_us)), [11, 5, 2]);
        assert_eq!(Lease::ticks_of(0, 1_000), 0);
    }

    #[test]
    fn rounds_that_nobody_promises_anything_for_are_forgotten() {
        let mut lease = LeaderLease::default();
        (0..1_000).for_each(|round| lease.begin(round, 100 * round, 1_000));
        assert_eq!(lease.begun.len(), 10);
        lease.confirmed(999, 1_000);
        assert_eq!(lease.ends_at_us, 100_900);
    }

    #[test]
    fn a_node_knows_the_time_that_it_was_told() {
        let mut core = Raft::new(Options::plain(1), Default::default());
        core.set_time(7_000);
        assert_eq!(core.time_us(), 7_000);
    }

    #[test]
    fn promises_are_kept_by_who_gives_them_and_by_who_may_have_given_one() {
        let keeps = |lease, promised_ticks| {
            let initial = InitialState { promised_ticks, ..InitialState::default() };
            Raft::new(Options { lease, ..Options::plain(1) }, initial).keeps_promises()
        };
        assert!(!keeps(None, 0));
        assert!(keeps(None, 1));
        assert!(keeps(Some(Lease::new(11, 1_000, 10)), 0));
    }

    #[test]
    fn who_may_have_promised_to_follow_does_not_campaign_before_that_is_over() {
        const PROMISED_TICKS: u32 = 100;
        let configuration = Configuration::of([1]).into();
        let initial =
            InitialState { configuration, promised_ticks: PROMISED_TICKS, ..InitialState::default() };
        let mut core = Raft::new(Options::plain(1), initial);
        (1..PROMISED_TICKS).for_each(|_| core.tick());
        assert_eq!(core.role(), RoleName::Follower);
        core.tick();
        assert_ne!(core.role(), RoleName::Follower);
    }
}
