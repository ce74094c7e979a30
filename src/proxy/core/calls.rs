//! The outstanding calls, and an index for every question that is asked of them: which are overdue, which are to be
//! tried again, which wait for what, which are under way on a link. Each event touches its own calls only.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    call::{CallId, Lane, Place, Queue, Work},
    exactly_once::Attempts,
    limits::{ABANDONED_MAX, CALLS_MAX, IN_FLIGHT_BYTES_MAX, LARGE_CALLS_BYTES_MAX},
    links::LinkId,
};

/// What is known of an outstanding call, beside where it is.
#[derive(Clone, Debug)]
pub(super) struct Outstanding {
    pub(super) work: Work,
    pub(super) attempts: Attempts,
    /// How often it was refused for the moment.
    pub(super) refusals: u32,
    /// `None`: the core's own request, which is tried for ever.
    deadline_us: Option<u64>,
    bytes: usize,
    place: Place,
}

impl Outstanding {
    /// A call that waits in its queue.
    pub(super) fn new(work: Work, deadline_us: Option<u64>, bytes: usize) -> Self {
        let place = Place::Waiting(work.queue(bytes));
        Self { work, attempts: Attempts::default(), refusals: 0, deadline_us, bytes, place }
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// What is left of its time; `None` if that is unbounded.
    pub(super) fn time_left_us(&self, now_us: u64) -> Option<u64> {
        self.deadline_us.map(|deadline_us| deadline_us.saturating_sub(now_us))
    }

    /// The queue in which it waits to be sent.
    pub(super) fn queue(&self) -> Queue {
        self.work.queue(self.bytes)
    }
}

/// Invariant: every call is in the index of its place, and in no other.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: BTreeMap<CallId, Outstanding>,
    deadlines: BTreeSet<(u64, CallId)>,
    retries: BTreeSet<(u64, CallId)>,
    queues: [BTreeSet<CallId>; Queue::COUNT],
    in_flight: BTreeMap<LinkId, InFlight>,
    abandoned: BTreeSet<CallId>,
    large_bytes: usize,
}

/// What is under way on one link.
#[derive(Debug, Default)]
struct InFlight {
    calls: BTreeSet<CallId>,
    /// By lane.
    bytes: [usize; Lane::ALL.len()],
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
        self.len() < CALLS_MAX && (is_small || self.large_bytes + bytes <= LARGE_CALLS_BYTES_MAX)
    }

    pub(super) fn get(&self, id: CallId) -> Option<&Outstanding> {
        self.calls.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: CallId) -> Option<&mut Outstanding> {
        self.calls.get_mut(&id)
    }

    pub(super) fn insert(&mut self, id: CallId, call: Outstanding) {
        debug_assert!(!self.calls.contains_key(&id), "{id} is outstanding already");
        self.large_bytes += large(call.bytes);
        if let Some(deadline_us) = call.deadline_us {
            self.deadlines.insert((deadline_us, id));
        }
        self.enter(id, call.place, call.bytes);
        self.calls.insert(id, call);
    }

    pub(super) fn remove(&mut self, id: CallId) -> Option<Outstanding> {
        let call = self.calls.remove(&id)?;
        self.leave(id, call.place, call.bytes);
        if let Some(deadline_us) = call.deadline_us {
            self.deadlines.remove(&(deadline_us, id));
        }
        if !self.abandoned.remove(&id) {
            self.large_bytes -= large(call.bytes);
        }
        Some(call)
    }

    /// Moves a call to another place.
    pub(super) fn place(&mut self, id: CallId, place: Place) {
        let Some(call) = self.calls.get_mut(&id) else { return };
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
        if self.abandoned.len() > ABANDONED_MAX { self.abandoned.first().copied() } else { None }
    }

    fn enter(&mut self, id: CallId, place: Place, bytes: usize) {
        match place {
            Place::Waiting(queue) => drop(self.queues[queue.index()].insert(id)),
            Place::BackingOff { until_us } => drop(self.retries.insert((until_us, id))),
            Place::Sent(link) => {
                let in_flight = self.in_flight.entry(link).or_default();
                in_flight.calls.insert(id);
                in_flight.bytes[Lane::of(bytes) as usize] += bytes;
            }
        }
    }

    fn leave(&mut self, id: CallId, place: Place, bytes: usize) {
        match place {
            Place::Waiting(queue) => drop(self.queues[queue.index()].remove(&id)),
            Place::BackingOff { until_us } => drop(self.retries.remove(&(until_us, id))),
            Place::Sent(link) => {
                let Some(in_flight) = self.in_flight.get_mut(&link) else { return };
                in_flight.calls.remove(&id);
                in_flight.bytes[Lane::of(bytes) as usize] -= bytes;
            }
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

    /// Whether a call may go through a link now: one always may, whatever its size.
    pub(super) fn fits(&self, id: CallId, link: LinkId) -> bool {
        let Some(call) = self.calls.get(&id) else { return false };
        let under_way = self.in_flight.get(&link).map_or(0, |link| link.bytes[Lane::of(call.bytes) as usize]);
        under_way == 0 || under_way + call.bytes <= IN_FLIGHT_BYTES_MAX
    }

    /// What is under way on a link.
    pub(super) fn sent_through(&self, link: LinkId) -> Vec<CallId> {
        self.in_flight.get(&link).map_or_else(Vec::new, |link| link.calls.iter().copied().collect())
    }

    /// What is under way on any other link and belongs at the leader.
    pub(super) fn sent_elsewhere(&self, leader: Option<LinkId>) -> Vec<CallId> {
        let others = self.in_flight.iter().filter(|(link, _)| Some(**link) != leader);
        let calls = others.flat_map(|(_, link)| link.calls.iter().copied());
        calls.filter(|id| !self.calls[id].work.is_serializable()).collect()
    }

    /// A link is gone for good. Nothing is under way on it any more.
    pub(super) fn forget_link(&mut self, link: LinkId) {
        self.in_flight.remove(&link);
    }

    /// A call whose deadline has come.
    pub(super) fn overdue(&self, now_us: u64) -> Option<CallId> {
        self.deadlines.first().filter(|(deadline_us, _)| *deadline_us <= now_us).map(|(_, id)| *id)
    }

    /// A call that has paused for long enough.
    pub(super) fn paused_until(&self, now_us: u64) -> Option<CallId> {
        self.retries.first().filter(|(until_us, _)| *until_us <= now_us).map(|(_, id)| *id)
    }

    /// All calls that pause.
    pub(super) fn all_pausing(&self) -> Vec<CallId> {
        self.retries.iter().map(|(_, id)| *id).collect()
    }

    /// When something is due next.
    pub(super) fn next_due_us(&self) -> Option<u64> {
        let deadline = self.deadlines.first().map(|(at_us, _)| *at_us);
        let retry = self.retries.first().map(|(at_us, _)| *at_us);
        deadline.into_iter().chain(retry).min()
    }
}

fn large(bytes: usize) -> usize {
    if Lane::of(bytes) == Lane::Large { bytes } else { 0 }
}

#[cfg(test)]
impl Calls {
    /// The invariants, counted from the calls themselves.
    pub(super) fn check_indexes(&self) {
        let mut places = Self::default();
        for (id, call) in &self.calls {
            places.enter(*id, call.place, call.bytes);
            let has_deadline = call.deadline_us.is_none_or(|at_us| self.deadlines.contains(&(at_us, *id)));
            assert!(has_deadline, "{id} has no deadline");
            assert_eq!(self.abandoned.contains(id), matches!(call.work, Work::Abandoned(_)), "{id}");
        }
        assert_eq!(places.queues, self.queues);
        assert_eq!(places.retries, self.retries);
        let with_deadline = self.calls.values().filter(|call| call.deadline_us.is_some()).count();
        assert_eq!(self.deadlines.len(), with_deadline);
        let live = self.calls.iter().filter(|(id, _)| !self.abandoned.contains(id));
        assert_eq!(self.large_bytes, live.map(|(_, call)| large(call.bytes)).sum::<usize>());
        for (link, in_flight) in &self.in_flight {
            let counted = places.in_flight.remove(link).unwrap_or_default();
            assert_eq!((&counted.calls, counted.bytes), (&in_flight.calls, in_flight.bytes), "{link}");
            for lane in Lane::ALL {
                let of_lane =
                    in_flight.calls.iter().filter(|id| Lane::of(self.calls[id].bytes) == lane).count();
                assert!(of_lane <= 1 || in_flight.bytes[lane as usize] <= IN_FLIGHT_BYTES_MAX, "{link}");
            }
        }
        assert!(places.in_flight.is_empty());
    }
}
