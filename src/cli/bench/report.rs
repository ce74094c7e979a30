//! The result of a benchmark, for people and for machines.

use std::{fmt::Write, time::Duration};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::{
    args::{Args, Op},
    breakdown::Station,
    cpu::{self, Used},
    side::Measured,
    timeline::Stretch,
};

/// The percentiles shown, with their names.
const PERCENTILES: [(&str, f64); 5] =
    [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9), ("max", 100.0)];

/// A finished measurement.
pub(super) struct Report<'a> {
    args: &'a Args,
    measured: &'a Measured,
}

/// A number that two measurements can be compared by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    /// What it is, and its unit.
    pub(super) name: String,
    pub(super) value: f64,
}

impl<'a> Report<'a> {
    pub(super) fn new(args: &'a Args, measured: &'a Measured) -> Self {
        Self { args, measured }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Measured { tally, timeline, longest_gap, .. } = self.measured;
        let mut text = format!("{}\n\n{}\n", self.headline(), self.timeline());
        let _ = writeln!(text, "operations   {:.0} a second", self.per_second());
        let _ = writeln!(text, "succeeded    {}", tally.successes());
        let _ = writeln!(text, "failed       {}", self.failures());
        for (name, latencies) in self.latencies() {
            let _ = writeln!(text, "{name} latency  {}", percentiles_as_text(latencies));
        }
        if let Some(worst) = timeline.worst() {
            let figures = percentiles_as_text(&worst.latencies);
            let _ = writeln!(
                text,
                "worst second {}: {:.0} operations, {figures}",
                span(&worst),
                worst.per_second()
            );
        }
        let _ = writeln!(text, "silent       {} seconds without a success", timeline.silent_seconds());
        let _ = writeln!(text, "longest gap  {:.1} ms without a success", milliseconds(*longest_gap));
        text + &self.processor_time() + &self.breakdown()
    }

    /// For machines.
    pub(super) fn json(&self) -> String {
        format!("{:#}\n", self.value())
    }

    /// For machines, as a part of something else.
    pub(super) fn value(&self) -> Value {
        let Args { clients, connections, keys, value_size, seed, .. } = self.args;
        let Measured { tally, timeline, longest_gap, .. } = self.measured;
        let latencies =
            self.latencies().map(|(name, latencies)| (name.to_owned(), as_json(latencies).into()));
        let timeline_of =
            |interval| timeline.stretches(interval).iter().map(stretch_as_json).collect::<Vec<_>>();
        json!({
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
            "succeeded": tally.successes(),
            "failures": tally.failures(),
            "latency_ms": latencies.collect::<serde_json::Map<_, _>>(),
            "longest_gap_ms": milliseconds(*longest_gap),
            "timeline": timeline_of(self.args.interval()),
            "worst_second": timeline.worst().as_ref().map(stretch_as_json),
            "silent_seconds": timeline.silent_seconds(),
            "cpu_us_per_operation": self.processor_time_as_json(),
            "breakdown_ms": self.stations().iter().map(station_as_json).collect::<Vec<_>>(),
        })
    }

    /// What was asked of the cluster.
    pub(super) fn headline(&self) -> String {
        let Args { clients, connections, keys, value_size, seconds, rate, .. } = self.args;
        let rate = rate.map_or_else(String::new, |rate| format!(", {rate} a second are due"));
        let connections = connections.min(clients);
        format!(
            "{}: {clients} clients over {connections} connections{rate}, {keys} keys, {value_size}-byte values, {seconds:?}",
            self.what(),
        )
    }

    /// What another measurement can be compared by.
    pub(super) fn figures(&self) -> Vec<Figure> {
        let figure = |name: String, value: f64| Figure { name, value };
        let mut figures = vec![figure("operations/s".to_owned(), self.per_second())];
        for (kind, latencies) in self.latencies() {
            let percentiles = PERCENTILES.into_iter();
            figures.extend(
                percentiles.map(|(name, at)| figure(format!("{kind} {name} ms"), at_ms(latencies, at))),
            );
        }
        let Measured { tally, timeline, longest_gap, used, .. } = self.measured;
        if let Some(worst) = timeline.worst() {
            figures.push(figure("worst second p99 ms".to_owned(), at_ms(&worst.latencies, 99.0)));
        }
        figures.push(figure("longest gap ms".to_owned(), milliseconds(*longest_gap)));
        figures.push(figure("silent seconds".to_owned(), timeline.silent_seconds() as f64));
        figures.push(figure("failed".to_owned(), tally.failures().values().sum::<u64>() as f64));
        if let Some(times) = cpu::sum(used).filter(|_| !used.is_empty()) {
            figures.push(figure("processor us/operation".to_owned(), self.for_one(times.0 + times.1)));
        }
        figures
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
        self.measured.tally.in_time() as f64 / self.args.seconds.as_secs_f64()
    }

    /// Microseconds for one operation that was answered in time.
    fn for_one(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.measured.tally.in_time().max(1) as f64
    }

    fn failures(&self) -> String {
        let failures = self.measured.tally.failures();
        if failures.is_empty() {
            return "0".to_owned();
        }
        let by_code: Vec<_> = failures.iter().map(|(code, count)| format!("{code} {count}")).collect();
        format!("{} ({})", failures.values().sum::<u64>(), by_code.join(", "))
    }

    /// The latencies of the kinds of operations that there were.
    fn latencies(&self) -> impl Iterator<Item = (&'static str, &Histogram<u32>)> {
        let kinds = [("put", self.measured.tally.puts()), ("get", self.measured.tally.gets())];
        kinds.into_iter().filter(|(_, latencies)| !latencies.is_empty())
    }

    fn timeline(&self) -> String {
        let mut text = format!("{:>11}{:>9}", "seconds", "ops/s");
        PERCENTILES.into_iter().for_each(|(name, _)| {
            let _ = write!(text, "{name:>9}");
        });
        let _ = writeln!(text, " ms   failed");
        for stretch in self.measured.timeline.stretches(self.args.interval()) {
            let _ = write!(text, "{:>11}{:>9.0}", span(&stretch), stretch.per_second());
            for (_, at) in PERCENTILES {
                let _ = match stretch.latencies.is_empty() {
                    true => write!(text, "{:>9}", "-"),
                    false => write!(text, "{:>9.2}", at_ms(&stretch.latencies, at)),
                };
            }
            let _ = writeln!(text, "{:>12}", stretch.failures);
        }
        text
    }

    fn processor_time(&self) -> String {
        let Measured { used, used_here, .. } = self.measured;
        if used.is_empty() {
            return String::new();
        }
        let mut text = format!(
            "\n{:<56}{:>9}{:>9}{:>9}\n",
            "processor time, us for one operation", "user", "system", "all"
        );
        let named =
            used.iter().map(|used| (format!("{} (pid {})", used.process.name, used.process.pid), used.times));
        let here = used_here.iter().map(|used| ("this load generator".to_owned(), used.times));
        let all = ("all of them".to_owned(), cpu::sum(used));
        for (name, times) in named.chain([all]).chain(here) {
            let _ = match times {
                None => writeln!(text, "{name:<56}ended meanwhile"),
                Some((user, system)) => {
                    let [user, system, all] = [user, system, user + system].map(|time| self.for_one(time));
                    writeln!(text, "{name:<56}{user:>9.1}{system:>9.1}{all:>9.1}")
                }
            };
        }
        text
    }

    fn processor_time_as_json(&self) -> Value {
        let Measured { used, used_here, .. } = self.measured;
        let times_as_json = |times: Option<(Duration, Duration)>| {
            times.map(|(user, system)| {
                json!({ "user": self.for_one(user), "system": self.for_one(system), "all": self.for_one(user + system) })
            })
        };
        let one = |Used { process, times }: &Used| json!({ "pid": process.pid, "name": process.name, "us": times_as_json(*times) });
        json!({
            "processes": used.iter().map(one).collect::<Vec<_>>(),
            "sum": times_as_json(cpu::sum(used).filter(|_| !used.is_empty())),
            "load_generator": times_as_json(cpu::sum(used_here)),
        })
    }

    fn stations(&self) -> Vec<Station> {
        let breakdown = self.measured.breakdown.as_ref();
        breakdown.map(|breakdown| breakdown.stations(self.mean_put_ms())).unwrap_or_default()
    }

    fn mean_put_ms(&self) -> f64 {
        self.measured.tally.puts().mean() / 1_000.0
    }

    fn breakdown(&self) -> String {
        let stations = self.stations();
        if stations.is_empty() {
            return String::new();
        }
        let mean_ms = format!("{:.3}", self.mean_put_ms());
        let mut text = format!("\n{:<56}{mean_ms:>9}\n", "a put, ms on average");
        for Station { name, ms, is_part } in stations {
            let name = if is_part { format!("    meanwhile, {name}") } else { format!("  {name}") };
            let ms = ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.3}"));
            let _ = writeln!(text, "{name:<56}{ms:>9}");
        }
        text
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn at_ms(latencies: &Histogram<u32>, percentile: f64) -> f64 {
    latencies.value_at_percentile(percentile) as f64 / 1_000.0
}

fn percentiles_as_text(latencies: &Histogram<u32>) -> String {
    let shown = PERCENTILES.map(|(name, at)| format!("{name} {:.2}", at_ms(latencies, at)));
    format!("{} ms", shown.join("  "))
}

fn as_json(latencies: &Histogram<u32>) -> serde_json::Map<String, Value> {
    PERCENTILES.into_iter().map(|(name, at)| (name.to_owned(), json!(at_ms(latencies, at)))).collect()
}

/// Like `3-4`.
fn span(stretch: &Stretch) -> String {
    format!("{}-{}", stretch.from.as_secs_f64(), stretch.to.as_secs_f64())
}

fn stretch_as_json(stretch: &Stretch) -> Value {
    let latencies = (!stretch.latencies.is_empty()).then(|| as_json(&stretch.latencies));
    json!({
        "from_seconds": stretch.from.as_secs_f64(),
        "to_seconds": stretch.to.as_secs_f64(),
        "operations_per_second": stretch.per_second(),
        "latency_ms": latencies,
        "failed": stretch.failures,
    })
}

fn station_as_json(Station { name, ms, is_part }: &Station) -> Value {
    json!({ "station": name, "ms": ms, "is_part_of_the_station_before": is_part })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{
        super::{tally::Tally, timeline::Timeline, window::Window, workload::Kind},
        *,
    };
    use crate::cli::testing::options;

    fn example() -> (Args, Measured) {
        let args = options::<Args>("--op mixed --seconds 2").expect("good options");
        let start = Instant::now();
        let window = Window { start, end: start + args.seconds };
        let (mut tally, timeline) = (Tally::new(), Timeline::new(window));
        for millisecond in 1..=100 {
            let took = Duration::from_millis(millisecond);
            tally.record(Kind::Put, took, true, Ok(()));
            timeline.record(start + took, took, true);
        }
        tally.record(Kind::Get, Duration::from_millis(5), false, Ok(()));
        let process = || cpu::this().into_iter().collect::<Vec<_>>();
        let times = Some((Duration::from_millis(4), Duration::from_millis(1)));
        let used = || process().into_iter().map(|process| Used { process, times }).collect::<Vec<_>>();
        let measured = Measured {
            tally,
            timeline,
            longest_gap: Duration::from_millis(1_900),
            used: used(),
            used_here: used(),
            breakdown: None,
        };
        (args, measured)
    }

    #[test]
    fn a_report_says_how_much_how_fast_and_how_steadily() {
        let (args, measured) = example();
        let text = Report::new(&args, &measured).text();
        for expected in [
            "operations   50 a second",
            "succeeded    101",
            "failed       0",
            "p50 50.",
            "1900.0 ms",
            "worst second 0-1: 100 operations, p50 50.",
            "silent       1 seconds",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let second =
            text.lines().find(|line| line.trim_start().starts_with("1-2")).expect("the second second");
        assert_eq!(second.split_whitespace().collect::<Vec<_>>(), ["1-2", "0", "-", "-", "-", "-", "-", "0"]);
    }

    #[test]
    fn machines_read_the_same() {
        let (args, measured) = example();
        let json = Report::new(&args, &measured).json();
        let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
        assert_eq!(json["operations_per_second"], 50.0);
        assert_eq!(json["succeeded"], 101);
        assert_eq!(json["failures"], json!({}));
        assert!(json["latency_ms"]["get"]["p99"].as_f64().is_some_and(|p99| (4.9..5.1).contains(&p99)));
        assert_eq!(json["timeline"].as_array().map(Vec::len), Some(2));
        assert_eq!(json["timeline"][1]["latency_ms"], Value::Null);
        assert_eq!(json["worst_second"]["operations_per_second"], 100.0);
        assert_eq!(json["silent_seconds"], 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn processor_time_is_of_one_operation() {
        let (args, measured) = example();
        let report = Report::new(&args, &measured);
        let text = report.text();
        let sum = text.lines().find(|line| line.starts_with("all of them")).expect("a sum");
        assert!(sum.ends_with("     40.0     10.0     50.0"), "{text}");
        assert_eq!(report.value()["cpu_us_per_operation"]["sum"]["all"], 50.0);
        let figure = report.figures().pop().expect("the last one");
        assert_eq!((figure.name.as_str(), figure.value), ("processor us/operation", 50.0));
        let ended = Measured { used: vec![Used { times: None, ..measured.used[0].clone() }], ..example().1 };
        let report = Report::new(&args, &ended);
        assert!(report.text().contains("ended meanwhile"), "{}", report.text());
        assert_eq!(report.value()["cpu_us_per_operation"]["sum"], Value::Null);
    }
}
