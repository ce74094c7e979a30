//! The one stream of events of a run. Its hash is the proof that two runs were the same; its tail explains a failure.

use std::{
    collections::VecDeque,
    fmt,
    hash::{Hash, Hasher},
};

use serde::{Deserialize, Serialize};

use crate::hash::StableHash;

/// Events that a failure report shows.
const TAIL_LENGTH: usize = 60;

/// An event and its time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timed<E> {
    /// Nanoseconds since the run began.
    pub at_ns: u64,
    /// What happened then.
    pub event: E,
}

impl<E: fmt::Display> fmt::Display for Timed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10.3} ms  {}", self.at_ns as f64 / 1e6, self.event)
    }
}

/// The events of a run in the order in which they happened: a hash of all of them, and the latest ones.
#[derive(Clone, Debug)]
pub struct Trace<E> {
    hash: StableHash,
    length: u64,
    kept: VecDeque<Timed<E>>,
    keeps_all: bool,
}

impl<E> Default for Trace<E> {
    fn default() -> Self {
        Self { hash: StableHash::default(), length: 0, kept: VecDeque::new(), keeps_all: false }
    }
}

impl<E: Hash> Trace<E> {
    /// A trace that keeps every event, for a replay.
    pub fn keeping_all() -> Self {
        Self { keeps_all: true, ..Self::default() }
    }

    /// Adds an event. Time never runs backwards.
    pub fn push(&mut self, at_ns: u64, event: E) {
        let timed = Timed { at_ns, event };
        timed.hash(&mut self.hash);
        self.length += 1;
        if !self.keeps_all && self.kept.len() == TAIL_LENGTH {
            self.kept.pop_front();
        }
        self.kept.push_back(timed);
    }

    /// The hash of all events so far, with their times.
    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }

    /// How many events there were.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The latest events, or all if the trace keeps them.
    pub fn events(&self) -> impl Iterator<Item = &Timed<E>> {
        self.kept.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(events: &[(u64, &'static str)]) -> Trace<&'static str> {
        let mut trace = Trace::default();
        events.iter().for_each(|&(at_ns, event)| trace.push(at_ns, event));
        trace
    }

    #[test]
    fn the_hash_covers_time_order_and_content() {
        let known = trace(&[(1, "a"), (2, "b")]);
        assert_eq!(known.hash(), trace(&[(1, "a"), (2, "b")]).hash());
        let others = [&[(1, "a"), (3, "b")], &[(1, "b"), (2, "a")], &[(1, "a"), (2, "c")]];
        assert!(others.iter().all(|&other| trace(other).hash() != known.hash()));
    }

    #[test]
    fn only_the_tail_is_kept_unless_all_is() {
        let (mut tail, mut all) = (Trace::default(), Trace::keeping_all());
        for number in 0..100_u64 {
            tail.push(number, number);
            all.push(number, number);
        }
        assert_eq!(tail.hash(), all.hash());
        assert_eq!((tail.length(), tail.events().count()), (100, TAIL_LENGTH));
        assert_eq!(all.events().count(), 100);
        assert_eq!(tail.events().last(), all.events().last());
    }
}
