//! What `conclave bench` is told.

use std::time::Duration;

use super::{
    super::{
        address::Address,
        connection::{Connection, parse_span},
        usage::UsageError,
    },
    cpu::Wanted,
    timeline,
};
use crate::wire::WRITE_BYTES_MAX;

const EXAMPLES: &str = "\
EXAMPLES
  conclave bench                             puts, 256 clients, 10 seconds
  conclave bench --op get                    linearizable reads
  conclave bench --op mixed --reads 90 --seconds 60
  conclave bench --rate 1000                 so many a second, however long answers take
  conclave bench --clients 32 --json
  conclave bench --cpu-of conclave           and the processor time of the cluster's programs
  conclave bench --compare 127.0.0.1:3379    in turns with another cluster, or with etcd

Keys begin with 'bench/'; 'conclave del bench/ --prefix' removes them. Reads find what they ask
for: all keys are written before the clock starts. Kill the leader meanwhile, and see the longest
gap.";

/// Measure throughput, latency and interruptions
///
/// Every client waits for its answer before it sends the next request: the cluster sets the pace. With --rate requests are due at
/// fixed times, and a latency begins when its request was due, also if no client was free. Operations per second count what was
/// answered in time; percentiles are of successes; the longest gap is the longest time in which no client had a success. The
/// timeline counts each operation when it was answered.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// What to measure
    #[arg(long, value_enum, default_value_t = Op::Put)]
    pub(super) op: Op,
    /// Clients that work side by side
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) clients: u32,
    /// Requests a second, of all clients together; by default as many as are answered
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) rate: Option<u32>,
    /// TCP connections that the clients share
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) connections: u32,
    /// Different keys, chosen evenly
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(super) keys: u64,
    /// Size of the random values
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = clap::value_parser!(u32).range(..=VALUE_BYTES_MAX))]
    pub(super) value_size: u32,
    /// How many operations in a hundred read, with --op mixed
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(..=100))]
    pub(super) reads: u32,
    /// Let any node answer reads from what it has, instead of the linearizable truth
    #[arg(long)]
    pub(super) serializable: bool,
    /// How long to measure, like 10 or 500ms
    #[arg(long, value_name = "TIME", default_value = "10", value_parser = parse_span)]
    pub(super) seconds: Duration,
    /// How long to work before that
    #[arg(long, value_name = "TIME", default_value = "1", value_parser = parse_span)]
    pub(super) warmup: Duration,
    /// How much of the time a line of the timeline shows, in whole seconds [default: 1s, or what makes at most 30 lines]
    #[arg(long, value_name = "TIME", value_parser = parse_interval)]
    pub(super) interval: Option<Duration>,
    /// Processes of this machine whose processor time for one operation is shown: numbers, or names of programs
    #[arg(long, value_name = "PID|NAME,...", value_delimiter = ',')]
    pub(super) cpu_of: Vec<Wanted>,
    /// Show where the time of a put goes, from the metrics of the proxy and all nodes: their --metrics-listen
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',', conflicts_with = "compare")]
    pub(super) breakdown: Vec<Address>,
    /// Measure this side, too, in turns, and compare: proxies of another cluster, or etcd
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',')]
    pub(super) compare: Vec<Address>,
    /// How often each side is measured, with --compare; which one begins alternates
    #[arg(long, value_name = "N", default_value_t = 3, requires = "compare", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(super) turns: u32,
    /// Like --cpu-of, for the side to compare with
    #[arg(long, value_name = "PID|NAME,...", value_delimiter = ',', requires = "compare")]
    pub(super) compare_cpu_of: Vec<Wanted>,
    /// Seed of keys, values and mix: the same seed, the same requests
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Op {
    /// Write
    Put,
    /// Read
    Get,
    /// Both; see --reads
    Mixed,
}

impl Op {
    /// As it is written on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Mixed => "mixed",
        }
    }
}

impl Args {
    /// What cannot be said of an option alone.
    ///
    /// # Errors
    /// Options do not fit together.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if let Some(both) = self.compare.iter().find(|address| self.connection.endpoints.contains(address)) {
            let why = format!("--compare {both} is among --endpoints, too: there is nothing to compare");
            return Err(UsageError(why).into());
        }
        if !self.breakdown.is_empty() && self.op != Op::Put {
            return Err(UsageError("--breakdown is of puts: use it with --op put".to_owned()).into());
        }
        Ok(())
    }

    /// How much of the time a line of the timeline shows.
    pub(super) fn interval(&self) -> Duration {
        self.interval.unwrap_or_else(|| timeline::default_interval(self.seconds))
    }

    /// How many operations in a hundred read.
    pub(super) fn reads_percent(&self) -> u32 {
        match self.op {
            Op::Put => 0,
            Op::Get => 100,
            Op::Mixed => self.reads,
        }
    }
}

/// The largest request, less what surrounds the value: larger ones would only measure refusals.
const VALUE_BYTES_MAX: i64 = WRITE_BYTES_MAX as i64 - 512;

/// Parses a span of whole seconds.
fn parse_interval(text: &str) -> Result<Duration, String> {
    match parse_span(text)? {
        interval if interval.subsec_nanos() == 0 => Ok(interval),
        _ => Err("it must be in whole seconds".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::options;

    fn complaint(line: &str) -> String {
        match options::<Args>(line) {
            Ok(args) => args.check().expect_err(line).to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_does_not_fit_together_is_told() {
        for (line, expected) in [
            ("--compare 127.0.0.1:2379", "is among --endpoints, too"),
            ("--compare a:1,b:2 --endpoints c:3,b:2", "--compare b:2 is among"),
            ("--turns 2", "--compare"),
            ("--compare-cpu-of 1", "--compare"),
            ("--compare a:1 --breakdown b:1", "cannot be used with"),
            ("--op get --breakdown b:1", "of puts"),
            ("--interval 1500ms", "whole seconds"),
            ("--cpu-of a/b", "the number of a process"),
        ] {
            let told = complaint(line);
            assert!(told.contains(expected), "{line}: {told}");
        }
    }
}
