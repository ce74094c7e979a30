//! What the dashboard shows of a moment: read from the metrics of the proxy, and compared with the moment before.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::super::scrape::{label, series};

/// Counts since the proxy started.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    /// When it was taken, in seconds.
    pub(super) at: f64,
    /// Entries that are committed.
    pub(super) commit: f64,
    put: Calls,
    get: Calls,
    failed: f64,
}

/// Calls of a method that have ended.
#[derive(Clone, Debug, Default)]
struct Calls {
    count: f64,
    /// How many took no longer than so many nanoseconds.
    buckets: BTreeMap<u64, f64>,
}

const NANOSECONDS: f64 = 1e9;

impl Sample {
    /// From the text of the proxy's metrics.
    pub(super) fn read(at: f64, commit: f64, metrics: &str) -> Self {
        let mut sample = Self { at, commit, ..Self::default() };
        for (series, value) in series(metrics).filter(|(name, _)| name.starts_with("conclave_proxy_call")) {
            if series.starts_with("conclave_proxy_calls_total") && label(series, "code") != Some("OK") {
                sample.failed += value;
            }
            let calls = match label(series, "method") {
                Some("Put") => &mut sample.put,
                Some("Range") => &mut sample.get,
                _ => continue,
            };
            if series.starts_with("conclave_proxy_call_duration_seconds_count") {
                calls.count = value;
            } else if let Some(bound) = label(series, "le").and_then(|bound| bound.parse::<f64>().ok())
                && bound.is_finite()
            {
                calls.buckets.insert((bound * NANOSECONDS) as u64, value);
            }
        }
        sample
    }

    /// What happened since another sample, as the page reads it. Nothing is claimed over a restart of the proxy.
    pub(super) fn since(&self, before: &Self) -> Value {
        let seconds = (self.at - before.at).max(0.001);
        let rate = |now: f64, before: f64| (now >= before).then(|| ((now - before) / seconds).round());
        json!({
            "at": self.at,
            "commits": rate(self.commit, before.commit),
            "puts": rate(self.put.count, before.put.count),
            "gets": rate(self.get.count, before.get.count),
            "failed": rate(self.failed, before.failed),
            "put_p50": self.put.quantile_ms(&before.put, 0.5),
            "put_p99": self.put.quantile_ms(&before.put, 0.99),
            "get_p50": self.get.quantile_ms(&before.get, 0.5),
            "get_p99": self.get.quantile_ms(&before.get, 0.99),
        })
    }
}

impl Calls {
    /// How long a share of the calls since took at most: within its bucket as if they were spread evenly.
    fn quantile_ms(&self, before: &Self, share: f64) -> Option<f64> {
        let wanted = (self.count - before.count) * share;
        if wanted <= 0.0 {
            return None;
        }
        let (mut lower, mut below) = (0.0, 0.0);
        for (&bound, &count) in &self.buckets {
            let until = count - before.buckets.get(&bound).copied().unwrap_or(0.0);
            let bound_ms = bound as f64 / 1e6;
            if until >= wanted {
                return Some(lower + (bound_ms - lower) * (wanted - below) / (until - below).max(1.0));
            }
            (lower, below) = (bound_ms, until);
        }
        Some(lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(puts: u64, fast: u64, failed: u64) -> String {
        format!(
            "# TYPE conclave_proxy_calls_total counter\n\
             conclave_proxy_calls_total{{method=\"Put\",code=\"OK\"}} {puts}\n\
             conclave_proxy_calls_total{{method=\"Range\",code=\"Unavailable\"}} {failed}\n\
             conclave_proxy_call_duration_seconds_bucket{{method=\"Put\",le=\"0.001\"}} {fast}\n\
             conclave_proxy_call_duration_seconds_bucket{{method=\"Put\",le=\"0.002\"}} {puts}\n\
             conclave_proxy_call_duration_seconds_bucket{{method=\"Put\",le=\"+Inf\"}} {puts}\n\
             conclave_proxy_call_duration_seconds_count{{method=\"Put\"}} {puts}\n"
        )
    }

    #[test]
    fn rates_and_quantiles_are_those_since_the_last_sample() {
        let before = Sample::read(10.0, 100.0, &metrics(1_000, 1_000, 3));
        let now = Sample::read(12.0, 300.0, &metrics(1_200, 1_100, 5));
        let shown = now.since(&before);
        assert_eq!((&shown["commits"], &shown["puts"]), (&json!(100.0), &json!(100.0)));
        assert_eq!((&shown["gets"], &shown["failed"]), (&json!(0.0), &json!(1.0)));
        assert_eq!(shown["put_p50"], 1.0);
        assert!((shown["put_p99"].as_f64().expect("a number") - 1.98).abs() < 1e-9, "{shown}");
        assert!(shown["get_p50"].is_null());
        let restarted = Sample::read(13.0, 301.0, &metrics(1, 1, 0)).since(&now);
        assert!(restarted["puts"].is_null() && restarted["put_p99"].is_null(), "{restarted}");
    }
}
