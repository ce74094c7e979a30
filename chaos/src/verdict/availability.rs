//! How long clients went without an answer while a majority was connected.

use serde::Serialize;

/// A pause between two answers that is shorter is none: clients pause as long by themselves.
const GAP_MIN_NS: u64 = 100_000_000;
/// The longest that are shown.
const SHOWN: usize = 5;

/// When clients had to be served.
#[derive(Clone, Debug, Default)]
pub(crate) struct Availability {
    /// Ended intervals, and the beginning of one that lasts.
    intervals: Vec<(u64, u64)>,
    since: Option<u64>,
}

/// How it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Gaps {
    /// How long clients had to be served.
    pub(crate) serving_s: f64,
    /// How many gaps of 100 ms or more there were in that time, and how long they were together.
    pub(crate) count: usize,
    pub(crate) total_s: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    /// When the longest began, in seconds, and how long each was, in milliseconds.
    pub(crate) longest: Vec<(f64, f64)>,
}

impl Availability {
    /// From now on clients must be served, or need not.
    pub(crate) fn note(&mut self, now_ns: u64, serves: bool) {
        match (self.since, serves) {
            (None, true) => self.since = Some(now_ns),
            (Some(since), false) => {
                self.intervals.push((since, now_ns));
                self.since = None;
            }
            _ => {}
        }
    }

    /// The gaps between successes, given in order of time. What lies at an edge of an interval counts within it.
    pub(crate) fn gaps(&self, successes: &[u64]) -> Gaps {
        let mut gaps: Vec<(u64, u64)> = Vec::new();
        for &(from, to) in &self.intervals {
            let first = successes.partition_point(|&at| at < from);
            let last = successes.partition_point(|&at| at < to);
            let mut before = from;
            for &at in successes[first..last].iter().chain([&to]) {
                if at - before >= GAP_MIN_NS {
                    gaps.push((before, at - before));
                }
                before = at;
            }
        }
        let serving_ns: u64 = self.intervals.iter().map(|(from, to)| to - from).sum();
        gaps.sort_unstable_by_key(|&(_, ns)| ns);
        let ms = |ns: u64| ns as f64 / 1e6;
        let at_share = |share: f64| {
            let place = (gaps.len() as f64 * share).ceil() as usize;
            gaps.get(place.saturating_sub(1)).map_or(0.0, |&(_, ns)| ms(ns))
        };
        Gaps {
            serving_s: serving_ns as f64 / 1e9,
            count: gaps.len(),
            total_s: gaps.iter().map(|&(_, ns)| ns).sum::<u64>() as f64 / 1e9,
            p50_ms: at_share(0.5),
            p99_ms: at_share(0.99),
            max_ms: at_share(1.0),
            longest: gaps.iter().rev().take(SHOWN).map(|&(at, ns)| (at as f64 / 1e9, ms(ns))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_count_only_while_clients_must_be_served() {
        const MS: u64 = 1_000_000;
        let mut availability = Availability::default();
        for (at, serves) in [(0, true), (1_000, false), (5_000, true), (5_050, true), (9_000, false)] {
            availability.note(at * MS, serves);
        }
        let successes: Vec<u64> = [100, 150, 950, 2_000, 5_400, 8_990].iter().map(|at| at * MS).collect();
        let gaps = availability.gaps(&successes);
        // 0 to 100, 150 to 950, 5000 to 5400, 5400 to 8990; 9000 is too near.
        assert_eq!((gaps.count, gaps.serving_s), (4, 5.0));
        assert_eq!((gaps.p50_ms, gaps.max_ms), (400.0, 3_590.0));
        assert_eq!(gaps.longest[0], (5.4, 3_590.0));
    }

    #[test]
    fn who_is_never_answered_is_seen() {
        let mut availability = Availability::default();
        availability.note(0, true);
        availability.note(2_000_000_000, false);
        assert_eq!(availability.gaps(&[]).max_ms, 2_000.0);
    }
}
