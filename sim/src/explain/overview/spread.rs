//! Times, as a histogram.

use std::time::Duration;

use serde::Serialize;

use super::report::percentile;
use crate::phases::ending::bounds::Limits;

/// Columns of a histogram.
const COLUMNS: usize = 40;

/// How long something took, in milliseconds.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    title: &'static str,
    times: usize,
    p50: f64,
    p99: f64,
    max: f64,
    /// What the first two must not exceed, where a campaign has limits.
    limits: Option<[f64; 2]>,
    /// How often it was within each column, from nothing to the longest.
    columns: Vec<u64>,
}

impl Spread {
    pub(super) fn new(title: &'static str, times_ns: &[u64], limits: Option<Limits>) -> Self {
        let max_ns = times_ns.iter().copied().max().unwrap_or(0);
        let mut columns = vec![0; if times_ns.is_empty() { 0 } else { COLUMNS }];
        for &time_ns in times_ns {
            let column = u128::from(time_ns) * COLUMNS as u128 / (u128::from(max_ns) + 1);
            columns[column as usize] += 1;
        }
        let [p50, p99] = [50, 99].map(|percent| percentile(times_ns, percent) as f64 / 1e6);
        let in_ms = |Limits { p50, p99 }| [p50, p99].map(|limit: Duration| limit.as_secs_f64() * 1e3);
        let limits = limits.map(in_ms);
        Self { title, times: times_ns.len(), p50, p99, max: max_ns as f64 / 1e6, limits, columns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phases::ending::bounds;

    #[test]
    fn each_time_is_in_one_column() {
        let spread = |times: &[u64]| Spread::new("", times, Some(bounds::TO_LEADER));
        assert!(spread(&[]).columns.is_empty());
        assert_eq!(spread(&[0]).columns[0], 1);
        let spread = spread(&[0, 2_000_000, 38_000_000, 40_000_000]);
        assert_eq!((spread.columns.len(), spread.columns.iter().sum::<u64>()), (COLUMNS, 4));
        assert_eq!((spread.columns[0], spread.columns[COLUMNS - 1]), (1, 1));
        assert_eq!((spread.p50, spread.max), (2.0, 40.0));
    }
}
