//! How fast peers are sent the state, and in how large pieces.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    env::Moment,
    raft::{NodeId, StreamId},
};

/// Who needs another stream within this time after the last one was outrun.
const SENT_AGAIN_WITHIN: Duration = Duration::from_secs(60);
/// 64 times the first pace: 4 GiB/s, more than any line.
const DOUBLINGS_MAX: u32 = 6;
/// Largest piece. With the record behind it, which may be as large as the answer to a delete (some 9 MiB), and what each record takes beside
/// its bytes, it is a message that a node takes (16 MiB); and no more waits in memory at either end.
pub(super) const PIECE_BYTES_MAX: usize = 4 << 20;

/// How fast a stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Speed {
    /// So many bytes it may send in a second.
    pub(super) bytes_per_s: usize,
    /// In pieces of about this size.
    pub(super) piece_bytes: usize,
}

impl Speed {
    fn doubled(self, doublings: u32) -> Self {
        let doubled = |bytes: usize| bytes.saturating_mul(1 << doublings);
        let piece_bytes_max = PIECE_BYTES_MAX.max(self.piece_bytes);
        Self {
            bytes_per_s: doubled(self.bytes_per_s).max(1),
            piece_bytes: doubled(self.piece_bytes).min(piece_bytes_max),
        }
    }
}

/// How fast each peer is sent the state. Who needs it again soon after it arrived was outrun by what is written: the log no
/// longer reached back to where the last stream ended. Each time it is sent twice as fast, until nothing but the line bounds it. Each piece
/// is answered before the next one leaves, so that over a long way nothing is faster unless the pieces are larger: they are, too.
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
    /// A stream begins. Returns how fast it goes, if the first one goes as fast as `base`.
    pub(super) fn begin(&mut self, to: NodeId, stream: StreamId, now: Moment, base: Speed) -> Speed {
        let doublings = self.0.get(&to).map_or(0, |last| last.doublings + u32::from(last.has_arrived));
        let doublings = doublings.min(DOUBLINGS_MAX);
        self.0.insert(to, Pace { doublings, stream, needed_at: now, has_arrived: false });
        base.doubled(doublings)
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
        let speed = |bytes_per_s, piece_bytes| Speed { bytes_per_s, piece_bytes };
        let base = speed(100, 1 << 19);
        assert_eq!(paces.begin(2, stream(1), at(0), base), base);
        assert_eq!(paces.begin(3, stream(2), at(0), base), base);
        for (second, is_under_way) in [(50, true), (100, true), (150, false)] {
            paces.expire(at(second), |id| is_under_way && id == stream(1));
        }
        paces.arrived(2, stream(1));
        let twice = speed(200, 1 << 20);
        assert_eq!(paces.begin(2, stream(3), at(150), base), twice, "it took long, and was outrun");
        assert_eq!(paces.begin(3, stream(4), at(150), base), base, "that was long ago");
        assert_eq!(paces.begin(2, stream(5), at(151), base), twice, "that one broke off");
        paces.arrived(2, stream(3));
        let boundless = speed(usize::MAX, usize::MAX);
        assert_eq!(paces.begin(2, stream(6), at(151), boundless), boundless, "an earlier one arrived");
        for number in 10..100 {
            paces.begin(2, stream(number), at(152), base);
            paces.arrived(2, stream(number));
        }
        let fastest = speed(100 << DOUBLINGS_MAX, PIECE_BYTES_MAX);
        assert_eq!(paces.begin(2, stream(100), at(152), base), fastest);
        let small = paces.begin(2, stream(101), at(152), speed(100, 50));
        assert_eq!(small, speed(100 << DOUBLINGS_MAX, 50 << DOUBLINGS_MAX));
    }
}
