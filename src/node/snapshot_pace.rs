//! How fast peers are sent the state.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    env::Moment,
    raft::{NodeId, StreamId},
};

/// Who needs another stream within this time after the last one was outrun.
const SENT_AGAIN_WITHIN: Duration = Duration::from_secs(60);
/// 64 times the first pace: 4 GiB/s, more than any line.
const DOUBLINGS_MAX: u32 = 6;

/// How fast each peer is sent the state. Who needs it again soon after it arrived was outrun by what is written: the log no
/// longer reached back to where the last stream ended. Each time it is sent twice as fast, until nothing but the line bounds it.
#[derive(Debug, Default)]
pub(super) struct Paces(BTreeMap<NodeId, Pace>);

#[derive(Debug)]
struct Pace {
    doublings: u32,
    stream: StreamId,
    needed_at: Moment,
    has_arrived: bool,
}

impl Paces {
    /// A stream begins. Returns the bytes that it may send in a second, if the first one may send `base`.
    pub(super) fn begin(&mut self, to: NodeId, stream: StreamId, now: Moment, base: usize) -> usize {
        let doublings = self.0.get(&to).map_or(0, |last| last.doublings + u32::from(last.has_arrived));
        let doublings = doublings.min(DOUBLINGS_MAX);
        self.0.insert(to, Pace { doublings, stream, needed_at: now, has_arrived: false });
        base.saturating_mul(1 << doublings).max(1)
    }

    /// A stream has brought its peer the state.
    pub(super) fn arrived(&mut self, to: NodeId, stream: StreamId) {
        if let Some(pace) = self.0.get_mut(&to).filter(|pace| pace.stream == stream) {
            pace.has_arrived = true;
        }
    }

    /// Forgets peers that needed no stream for long.
    pub(super) fn expire(&mut self, now: Moment, is_under_way: impl Fn(StreamId) -> bool) {
        self.0.retain(|_, pace| {
            if is_under_way(pace.stream) {
                pace.needed_at = now;
            }
            now.since(pace.needed_at) < SENT_AGAIN_WITHIN
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_the_state_again_soon_is_sent_it_twice_as_fast() {
        let mut paces = Paces::default();
        let at = |s| Moment::default() + Duration::from_secs(s);
        let stream = |number| StreamId { term: 1, number };
        assert_eq!(paces.begin(2, stream(1), at(0), 100), 100);
        assert_eq!(paces.begin(3, stream(2), at(0), 100), 100);
        for (second, is_under_way) in [(50, true), (100, true), (150, false)] {
            paces.expire(at(second), |id| is_under_way && id == stream(1));
        }
        paces.arrived(2, stream(1));
        assert_eq!(paces.begin(2, stream(3), at(150), 100), 200, "it took long, and was outrun");
        assert_eq!(paces.begin(3, stream(4), at(150), 100), 100, "that was long ago");
        assert_eq!(paces.begin(2, stream(5), at(151), 100), 200, "that one broke off");
        paces.arrived(2, stream(3));
        assert_eq!(paces.begin(2, stream(6), at(151), usize::MAX), usize::MAX, "an earlier one arrived");
        for number in 10..100 {
            paces.begin(2, stream(number), at(152), 100);
            paces.arrived(2, stream(number));
        }
        assert_eq!(paces.begin(2, stream(100), at(152), 100), 100 << DOUBLINGS_MAX);
    }
}
