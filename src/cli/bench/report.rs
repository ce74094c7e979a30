//! The result of a benchmark, for people and for machines.

use std::fmt::Write;

use hdrhistogram::Histogram;
use serde_json::json;

use super::{
    args::{Args, Op},
    pulse::Pulse,
    tally::Tally,
};

/// The percentiles shown, with their names.
const PERCENTILES: [(&str, f64); 5] =
    [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9), ("max", 100.0)];

/// A finished measurement.
pub(super) struct Report<'a> {
    args: &'a Args,
    tally: &'a Tally,
    longest_gap_ms: f64,
}

impl<'a> Report<'a> {
    pub(super) fn new(args: &'a Args, tally: &'a Tally, pulse: &Pulse) -> Self {
        Self { args, tally, longest_gap_ms: pulse.longest_gap().as_secs_f64() * 1_000.0 }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Args { clients, connections, keys, value_size, seconds, rate, .. } = self.args;
        let rate = rate.map_or_else(String::new, |rate| format!(", {rate} a second are due"));
        let mut text = format!(
            "{}: {clients} clients over {} connections{rate}, {keys} keys, {value_size}-byte values, {seconds:?}\n\n",
            self.what(),
            connections.min(clients),
        );
        let _ = writeln!(text, "operations   {:.0} a second", self.per_second());
        let _ = writeln!(text, "succeeded    {}", self.tally.successes());
        let _ = writeln!(text, "failed       {}", self.failures());
        for (name, latencies) in self.latencies() {
            let _ = writeln!(text, "{name} latency  {}", percentiles_as_text(latencies));
        }
        let _ = writeln!(text, "longest gap  {:.1} ms without a success", self.longest_gap_ms);
        text
    }

    /// For machines.
    pub(super) fn json(&self) -> String {
        let Args { clients, connections, keys, value_size, seed, .. } = self.args;
        let latencies = self.latencies().map(|(name, latencies)| (name.to_owned(), as_json(latencies)));
        let report = json!({
            "op": self.args.op.name(),
            "reads_percent": self.args.reads_percent(),
            "serializable": self.args.serializable,
            "clients": clients,
            "rate": self.args.rate,
            "connections": connections.min(clients),
            "keys": keys,
            "value_bytes": value_size,
            "seconds": self.args.seconds.as_secs_f64(),
            "seed": seed,
            "operations_per_second": self.per_second(),
            "succeeded": self.tally.successes(),
            "failures": self.tally.failures(),
            "latency_ms": latencies.collect::<serde_json::Map<_, _>>(),
            "longest_gap_ms": self.longest_gap_ms,
        });
        format!("{report:#}\n")
    }

    fn what(&self) -> String {
        let kind = if self.args.serializable { "serializable" } else { "linearizable" };
        match self.args.op {
            Op::Put => "put".to_owned(),
            Op::Get => format!("get ({kind})"),
            Op::Mixed => format!("mixed ({} % {kind} reads)", self.args.reads_percent()),
        }
    }

    fn per_second(&self) -> f64 {
        self.tally.in_time() as f64 / self.args.seconds.as_secs_f64()
    }

    fn failures(&self) -> String {
        let failures = self.tally.failures();
        if failures.is_empty() {
            return "0".to_owned();
        }
        let by_code: Vec<_> = failures.iter().map(|(code, count)| format!("{code} {count}")).collect();
        format!("{} ({})", failures.values().sum::<u64>(), by_code.join(", "))
    }

    /// The latencies of the kinds of operations that there were.
    fn latencies(&self) -> impl Iterator<Item = (&'static str, &Histogram<u32>)> {
        let kinds = [("put", self.tally.puts()), ("get", self.tally.gets())];
        kinds.into_iter().filter(|(_, latencies)| !latencies.is_empty())
    }
}

fn milliseconds(latencies: &Histogram<u32>, percentile: f64) -> f64 {
    latencies.value_at_percentile(percentile) as f64 / 1_000.0
}

fn percentiles_as_text(latencies: &Histogram<u32>) -> String {
    let shown = PERCENTILES.map(|(name, at)| format!("{name} {:.2}", milliseconds(latencies, at)));
    format!("{} ms", shown.join("  "))
}

fn as_json(latencies: &Histogram<u32>) -> serde_json::Value {
    PERCENTILES
        .into_iter()
        .map(|(name, at)| (name.to_owned(), json!(milliseconds(latencies, at))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;
    use tokio::time::Instant;

    use super::{
        super::{pulse::Window, workload::Kind},
        *,
    };

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn example() -> (Args, Tally, Pulse) {
        let args = Line::parse_from(["bench", "--op", "mixed", "--seconds", "2"]).args;
        let start = Instant::now();
        let pulse = Pulse::new(Window { start, end: start + args.seconds });
        let mut tally = Tally::new();
        for millisecond in 1..=100 {
            tally.record(Kind::Put, Duration::from_millis(millisecond), true, Ok(()));
        }
        tally.record(Kind::Get, Duration::from_millis(5), false, Ok(()));
        (args, tally, pulse)
    }

    #[test]
    fn a_report_says_how_much_how_fast_and_how_steadily() {
        let (args, tally, pulse) = example();
        let text = Report::new(&args, &tally, &pulse).text();
        for expected in
            ["operations   50 a second", "succeeded    101", "failed       0", "p50 50.", "2000.0 ms"]
        {
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }

    #[test]
    fn machines_read_the_same() {
        let (args, tally, pulse) = example();
        let json = Report::new(&args, &tally, &pulse).json();
        let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
        assert_eq!(json["operations_per_second"], 50.0);
        assert_eq!(json["succeeded"], 101);
        assert_eq!(json["failures"], json!({}));
        assert!(json["latency_ms"]["get"]["p99"].as_f64().is_some_and(|p99| (4.9..5.1).contains(&p99)));
    }
}
