//! The outstanding calls, and an index for every question that is asked of them: which are overdue, which are to be
//! tried again, which wait for what, which are under way on a link. Each event touches its own calls only.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    call::{CallId, Lane, Place, Queue, Work},
    exactly_once::Attempts,
    in_flight::InFlight,
    limits::{ABANDONED_MAX, CALLS_MAX, LARGE_CALLS_BYTES_MAX, RETRY_PAUSE_MAX_US, RETRY_PAUSE_MIN_US},
    links::LinkId,
    timers::Timers,
    waits::Waits,
};
use crate::env::{Knob, knob};

/// What is known of an outstanding call, beside where it is.
#[derive(Clone, Debug)]
pub(super) struct Outstanding {
    pub(super) work: Work,
    pub(super) attempts: Attempts,
    /// How often it was refused for the moment.
    refusals: u32,
    /// `None`: the core's own request, which is tried for ever.
    deadline_us: Option<u64>,
    bytes: usize,
    place: Place,
    /// When it came to its place.
    since_us: u64,
    waits: Waits,
}

impl Outstanding {
    /// A call that waits in its queue.
    pub(super) fn new(work: Work, deadline_us: Option<u64>, bytes: usize) -> Self {
        let place = Place::Waiting(work.queue(bytes));
        Self {
            work,
            attempts: Attempts::default(),
            refusals: 0,
            deadline_us,
            bytes,
            place,
            since_us: 0,
            waits: Waits::default(),
        }
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// What is left of its time; `None` if that is unbounded.
    pub(super) fn time_left_us(&self, now_us: u64) -> Option<u64> {
        self.deadline_us.map(|deadline_us| deadline_us.saturating_sub(now_us))
    }

    /// What it waited for, if that was long.
    pub(super) fn long_waits(&self) -> Option<Waits> {
        Some(self.waits).filter(Waits::are_long)
    }

    /// The queue in which it waits to be sent.
    pub(super) fn queue(&self) -> Queue {
        self.work.queue(self.bytes)
    }

    /// It leaves its place.
    fn leave(&mut self, now_us: u64) {
        self.waits.leave(self.place, now_us.saturating_sub(self.since_us));
        self.since_us = now_us;
    }

    /// It was refused for the moment: where it waits, for twice as long as the last time.
    pub(super) fn pause(&mut self, now_us: u64) -> Place {
        let doublings = self.refusals.min(u64::BITS / 2);
        self.refusals += 1;
        let pause_max_us = knob(Knob::RetryPauseMaxUs, RETRY_PAUSE_MAX_US as usize) as u64;
        let pause_us = (RETRY_PAUSE_MIN_US << doublings).min(pause_max_us);
        Place::BackingOff { until_us: now_us + pause_us }
    }
}

/// Invariant: every call is in the index of its place, and in no other.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// The present time.
    pub(super) now_us: u64,
    calls: BTreeMap<CallId, Outstanding>,
    timers: Timers,
    queues: [BTreeSet<CallId>; Queue::COUNT],
    in_flight: InFlight,
    abandoned: BTreeSet<CallId>,
    large_bytes: usize,
}

impl Calls {
    /// Calls that wait for an answer, the core's own request included.
    pub(super) fn len(&self) -> usize {
        self.calls.len() - self.abandoned.len()
    }

    /// Bytes of the large calls whose callers wait.
    pub(super) fn large_bytes(&self) -> usize {
        self.large_bytes
    }

    /// Whether one more call of this size may wait.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        let is_small = Lane::of(bytes) == Lane::Small;
        let (count_max, bytes_max) =
            (knob(Knob::Calls, CALLS_MAX), knob(Knob::LargeCallsBytes, LARGE_CALLS_BYTES_MAX));
        self.len() < count_max && (is_small || self.large_bytes + bytes <= bytes_max)
    }

    pub(super) fn get(&self, id: CallId) -> Option<&Outstanding> {
        self.calls.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: CallId) -> Option<&mut Outstanding> {
        self.calls.get_mut(&id)
    }

    pub(super) fn insert(&mut self, id: CallId, mut call: Outstanding) {
        call.since_us = self.now_us;
        debug_assert!(!self.calls.contains_key(&id), "{id} is outstanding already");
        self.large_bytes += large(call.bytes);
        if let Some(deadline_us) = call.deadline_us {
            self.timers.deadlines.insert((deadline_us, id));
        }
        self.enter(id, call.place, call.bytes);
        self.calls.insert(id, call);
    }

    pub(super) fn remove(&mut self, id: CallId) -> Option<Outstanding> {
        let mut call = self.calls.remove(&id)?;
        call.leave(self.now_us);
        self.leave(id, call.place, call.bytes);
        if let Some(deadline_us) = call.deadline_us {
            self.timers.deadlines.remove(&(deadline_us, id));
        }
        if !self.abandoned.remove(&id) {
            self.large_bytes -= large(call.bytes);
        }
        Some(call)
    }

    /// Moves a call to another place.
    pub(super) fn place(&mut self, id: CallId, place: Place) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.leave(self.now_us);
        let (before, bytes) = (std::mem::replace(&mut call.place, place), call.bytes);
        self.leave(id, before, bytes);
        self.enter(id, place, bytes);
    }

    /// Back into the queue in which it waits to be sent.
    pub(super) fn requeue(&mut self, id: CallId) {
        if let Some(call) = self.calls.get(&id) {
            self.place(id, Place::Waiting(call.queue()));
        }
    }

    /// Drops what a write would be sent again with: its caller left. Returns a call that is abandoned for so long that
    /// there is no room to remember it.
    pub(super) fn abandon(&mut self, id: CallId) -> Option<CallId> {
        let call = self.calls.get_mut(&id)?;
        call.work = Work::Abandoned(call.work.number()?);
        self.large_bytes -= large(call.bytes);
        self.abandoned.insert(id);
        if self.abandoned.len() > knob(Knob::Abandoned, ABANDONED_MAX) {
            self.abandoned.first().copied()
        } else {
            None
        }
    }

    fn enter(&mut self, id: CallId, place: Place, bytes: usize) {
        match place {
            Place::Waiting(queue) => drop(self.queues[queue.index()].insert(id)),
            Place::BackingOff { until_us } => drop(self.timers.retries.insert((until_us, id))),
            Place::Sent(link) => self.in_flight.enter(id, link, bytes),
        }
    }

    fn leave(&mut self, id: CallId, place: Place, bytes: usize) {
        match place {
            Place::Waiting(queue) => drop(self.queues[queue.index()].remove(&id)),
            Place::BackingOff { until_us } => drop(self.timers.retries.remove(&(until_us, id))),
            Place::Sent(link) => self.in_flight.leave(id, link, bytes),
        }
    }
}

/// What the index answers.
impl Calls {
    /// The first call of a queue.
    pub(super) fn first(&self, queue: Queue) -> Option<CallId> {
        self.queues[queue.index()].first().copied()
    }

    /// All calls of a queue.
    pub(super) fn all(&self, queue: Queue) -> Vec<CallId> {
        self.queues[queue.index()].iter().copied().collect()
    }

    /// Whether a call may go through a link now.
    pub(super) fn fits(&self, id: CallId, link: LinkId) -> bool {
        self.calls.get(&id).is_some_and(|call| self.in_flight.has_room_for(link, call.bytes))
    }

    /// For how long the first of the calls has waited that are about one small key, which the leader is to answer, and whose callers are
    /// there. (What is large, or of many keys, may take its time; and what is answered by any node may be so late.)
    pub(super) fn first_wait(&self) -> Option<Duration> {
        let is_looked_at = |(id, call): &(&CallId, &Outstanding)| {
            let is_small = Lane::of(call.bytes) == Lane::Small;
            is_small && call.work.is_of_one_key_at_leader() && !self.abandoned.contains(id)
        };
        let (_, first) = self.calls.iter().find(is_looked_at)?;
        let waited_us = first.waits.total_us() + self.now_us.saturating_sub(first.since_us);
        Some(Duration::from_micros(waited_us))
    }

    pub(super) fn timers(&self) -> &Timers {
        &self.timers
    }

    pub(super) fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    /// What is under way on any other link and belongs at the leader.
    pub(super) fn sent_elsewhere(&self, leader: Option<LinkId>) -> Vec<CallId> {
        let calls = self.in_flight.elsewhere(leader);
        calls.filter(|id| !self.calls[id].work.is_serializable()).collect()
    }

    /// A link is gone for good.
    pub(super) fn forget_link(&mut self, link: LinkId) {
        self.in_flight.forget(link);
    }
}

fn large(bytes: usize) -> usize {
    if Lane::of(bytes) == Lane::Large { bytes } else { 0 }
}

#[cfg(test)]
impl Calls {
    /// The numbers that calls bear.
    pub(super) fn numbers(&self) -> impl Iterator<Item = super::call::Number> {
        self.calls.values().filter_map(|call| call.work.number())
    }

    /// The invariants, counted from the calls themselves.
    pub(super) fn check_indexes(&self) {
        let mut places = Self::default();
        for (id, call) in &self.calls {
            places.enter(*id, call.place, call.bytes);
            let has_deadline =
                call.deadline_us.is_none_or(|at_us| self.timers.deadlines.contains(&(at_us, *id)));
            assert!(has_deadline, "{id} has no deadline");
            assert_eq!(self.abandoned.contains(id), matches!(call.work, Work::Abandoned(_)), "{id}");
        }
        assert_eq!(places.queues, self.queues);
        assert_eq!(places.timers.retries, self.timers.retries);
        let with_deadline = self.calls.values().filter(|call| call.deadline_us.is_some()).count();
        assert_eq!(self.timers.deadlines.len(), with_deadline);
        let live = self.calls.iter().filter(|(id, _)| !self.abandoned.contains(id));
        assert_eq!(self.large_bytes, live.map(|(_, call)| large(call.bytes)).sum::<usize>());
        self.in_flight.check(places.in_flight, |id| Lane::of(self.calls[&id].bytes));
    }
}
