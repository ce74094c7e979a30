//! What is under way between the nodes of a storm: messages and snapshots, in any order, lost, doubled and late.

use std::collections::VecDeque;

use conclave::raft::{Message, NodeId};
use conclave_checks::{draw::Draw, host::Stream};

use super::profile::Profile;

/// Copies of old messages that may still arrive.
const LATE_MAX: usize = 30;
/// Messages of which a copy arrives late, perhaps, in percent.
const LATE_PERCENT: u64 = 3;

#[derive(Debug, Default)]
pub(super) struct Network {
    under_way: Vec<Message>,
    /// Copies of messages, some of which were lost: they arrive much later, if ever.
    late: VecDeque<Message>,
    streams: Vec<Sent>,
    /// Nodes that reach nobody else; or, in a partition, only each other.
    pub(super) isolated: Vec<NodeId>,
}

/// A snapshot on its way.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) stream: Stream,
    /// All of it arrived, and the sender does not know.
    pub(super) has_arrived: bool,
}

impl Network {
    pub(super) fn send(&mut self, messages: Vec<Message>) {
        self.under_way.extend(messages);
    }

    pub(super) fn stream(&mut self, stream: Stream) {
        self.streams.push(Sent { stream, has_arrived: false });
    }

    pub(super) fn lose_excess(&mut self, profile: &Profile) {
        let excess = self.under_way.len().saturating_sub(profile.under_way_max);
        self.under_way.drain(..excess);
    }

    /// Mostly the oldest message, sometimes any, which is lost or doubled now and then.
    pub(super) fn next(&mut self, draw: &mut Draw, profile: &Profile) -> Option<Message> {
        if self.under_way.is_empty() {
            return None;
        }
        let any = draw.chance(profile.reordered_percent);
        let which = if any { draw.below(self.under_way.len() as u64) as usize } else { 0 };
        let message = self.under_way.remove(which);
        if draw.chance(LATE_PERCENT) {
            self.late.push_back(message.clone());
        }
        if draw.chance(profile.lost_percent) {
            return None;
        }
        if draw.chance(profile.lost_percent) {
            self.under_way.push(message.clone());
        }
        self.passes(message, profile)
    }

    /// A copy of a message of long ago: any of the last ones.
    pub(super) fn next_late(&mut self, draw: &mut Draw, profile: &Profile) -> Option<Message> {
        let excess = self.late.len().saturating_sub(LATE_MAX);
        self.late.drain(..excess);
        if self.late.is_empty() {
            return None;
        }
        let which = draw.below(self.late.len() as u64) as usize;
        let message = self.late.remove(which).expect("it is among them");
        self.passes(message, profile)
    }

    fn passes(&self, message: Message, profile: &Profile) -> Option<Message> {
        let is_isolated = |id| self.isolated.contains(&id);
        let passes = match (is_isolated(message.from), is_isolated(message.to)) {
            (true, true) => profile.partitions,
            (from, to) => from == to,
        };
        passes.then_some(message)
    }

    /// Everything under way, now.
    pub(super) fn take(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.under_way)
    }

    pub(super) fn has_streams(&self) -> bool {
        !self.streams.is_empty()
    }

    /// Any snapshot on its way.
    pub(super) fn next_stream(&mut self, draw: &mut Draw) -> Option<Sent> {
        let count = self.streams.len() as u64;
        (count > 0).then(|| self.streams.swap_remove(draw.below(count) as usize))
    }

    pub(super) fn put_back(&mut self, sent: Sent) {
        self.streams.push(sent);
    }
}
