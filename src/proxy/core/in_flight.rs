//! What is under way on each link, and how many bytes of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    call::{CallId, Lane},
    limits::IN_FLIGHT_BYTES_MAX,
    links::LinkId,
};
use crate::env::{Knob, knob};

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct InFlight {
    links: BTreeMap<LinkId, OnLink>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct OnLink {
    calls: BTreeSet<CallId>,
    /// By lane.
    bytes: [usize; Lane::ALL.len()],
}

impl InFlight {
    pub(super) fn enter(&mut self, id: CallId, link: LinkId, bytes: usize) {
        let on_link = self.links.entry(link).or_default();
        on_link.calls.insert(id);
        on_link.bytes[Lane::of(bytes) as usize] += bytes;
    }

    pub(super) fn leave(&mut self, id: CallId, link: LinkId, bytes: usize) {
        let Some(on_link) = self.links.get_mut(&link) else { return };
        on_link.calls.remove(&id);
        on_link.bytes[Lane::of(bytes) as usize] -= bytes;
    }

    /// A link is gone for good. Nothing is under way on it any more.
    pub(super) fn forget(&mut self, link: LinkId) {
        self.links.remove(&link);
    }

    /// Whether a call of this size may go through a link now: one always may, whatever its size.
    pub(super) fn has_room_for(&self, link: LinkId, bytes: usize) -> bool {
        let under_way = self.links.get(&link).map_or(0, |on_link| on_link.bytes[Lane::of(bytes) as usize]);
        under_way == 0 || under_way + bytes <= knob(Knob::InFlightBytes, IN_FLIGHT_BYTES_MAX)
    }

    /// What is under way on a link.
    pub(super) fn through(&self, link: LinkId) -> Vec<CallId> {
        self.links.get(&link).map_or_else(Vec::new, |on_link| on_link.calls.iter().copied().collect())
    }

    /// What is under way on any other link.
    pub(super) fn elsewhere(&self, link: Option<LinkId>) -> impl Iterator<Item = CallId> {
        let others = self.links.iter().filter(move |(other, _)| Some(**other) != link);
        others.flat_map(|(_, on_link)| on_link.calls.iter().copied())
    }
}

#[cfg(test)]
impl InFlight {
    /// That it is what was counted, and no more than there is room for: `lane_of` says how large a call is.
    pub(super) fn check(&self, mut counted: Self, lane_of: impl Fn(CallId) -> Lane) {
        for (link, on_link) in &self.links {
            assert_eq!(counted.links.remove(link).unwrap_or_default(), *on_link, "{link}");
            for lane in Lane::ALL {
                let of_lane = on_link.calls.iter().filter(|id| lane_of(**id) == lane).count();
                assert!(of_lane <= 1 || on_link.bytes[lane as usize] <= IN_FLIGHT_BYTES_MAX, "{link}");
            }
        }
        assert!(counted.links.is_empty());
    }
}
