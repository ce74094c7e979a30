//! What `conclave bench` is told.

use std::time::Duration;

use super::super::connection::{Connection, parse_span};
use crate::wire::WRITE_BYTES_MAX;

const EXAMPLES: &str = "\
EXAMPLES
  conclave bench                             puts, 256 clients, 10 seconds
  conclave bench --op get                    linearizable reads
  conclave bench --op mixed --reads 90 --seconds 60
  conclave bench --rate 1000                 so many a second, however long answers take
  conclave bench --clients 32 --json

Keys begin with 'bench/'; 'conclave del bench/ --prefix' removes them. Reads find what they ask for: all keys are
written before the clock starts. Kill the leader meanwhile, and see the longest gap.";

/// Measure throughput, latency and interruptions
///
/// Every client waits for its answer before it sends the next request: the cluster sets the pace. With --rate requests are due at
/// fixed times, and a latency begins when its request was due, also if no client was free. Operations per second count what was
/// answered in time; percentiles are of successes; the longest gap is the longest time in which no client had a success.
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
