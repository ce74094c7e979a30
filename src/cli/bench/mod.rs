//! `conclave bench`: a closed loop of many clients, each sending its next request when the last is answered.

mod pulse;
mod report;
mod tally;
mod workload;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use self::{
    pulse::Pulse,
    report::Report,
    tally::Tally,
    workload::{Operation, Stream, Workload},
};
use super::{
    connection::{Connection, parse_span},
    print,
};
use crate::client::{Client, ClientError, GetOptions, PutOptions};

const EXAMPLES: &str = "\
EXAMPLES
  conclave bench                             puts, 256 clients, 10 seconds
  conclave bench --op get                    linearizable reads
  conclave bench --op mixed --reads 90 --seconds 60
  conclave bench --clients 32 --json

Keys begin with 'bench/'; 'conclave del bench/ --prefix' removes them. Reads find what they ask for: all keys are
written before the clock starts. Kill the leader meanwhile, and see the longest gap.";

/// Measure throughput, latency and interruptions
///
/// Every client waits for its answer before it sends the next request. Operations per second count what was answered in
/// time; percentiles are of successes; the longest gap is the longest time in which no client had a success.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// What to measure
    #[arg(long, value_enum, default_value_t = Op::Put)]
    op: Op,
    /// Clients that work side by side
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,
    /// TCP connections that the clients share
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Different keys, chosen evenly
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    keys: u64,
    /// Size of the random values
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = clap::value_parser!(u32).range(..=VALUE_BYTES_MAX))]
    value_size: u32,
    /// How many operations in a hundred read, with --op mixed
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(..=100))]
    reads: u32,
    /// Let any node answer reads from what it has, instead of the linearizable truth
    #[arg(long)]
    serializable: bool,
    /// How long to measure, like 10 or 500ms
    #[arg(long, value_name = "TIME", default_value = "10", value_parser = parse_span)]
    seconds: Duration,
    /// How long to work before that
    #[arg(long, value_name = "TIME", default_value = "1", value_parser = parse_span)]
    warmup: Duration,
    /// Seed of keys, values and mix: the same seed, the same requests
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Op {
    /// Write
    Put,
    /// Read
    Get,
    /// Both; see --reads
    Mixed,
}

impl Op {
    /// As it is written on the command line.
    fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Mixed => "mixed",
        }
    }
}

impl Args {
    /// How many operations in a hundred read.
    fn reads_percent(&self) -> u32 {
        match self.op {
            Op::Put => 0,
            Op::Get => 100,
            Op::Mixed => self.reads,
        }
    }
}

/// The largest request, less what surrounds the value: larger ones would only measure refusals.
const VALUE_BYTES_MAX: i64 = 1536 * 1024 - 512;
/// A refused client pauses, or it would burn the processor that the cluster needs to recover.
const FAILURE_PAUSE: Duration = Duration::from_millis(10);

/// When to measure.
#[derive(Clone, Copy)]
struct Window {
    start: Instant,
    end: Instant,
}

/// Runs the measurement and prints its result.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let workload = Arc::new(Workload::new(&args));
    let clients = connect(&args).await?;
    if workload.reads() {
        fill(&args, &workload, &clients).await?;
    }
    let start = Instant::now() + args.warmup;
    let window = Window { start, end: start + args.seconds };
    let pulse = Arc::new(Pulse::new(window));
    let mut workers = JoinSet::new();
    for (number, client) in share(args.clients, &clients) {
        workers.spawn(work(client, workload.stream(number), window, pulse.clone()));
    }
    let telling = tokio::spawn(pulse::tell(pulse.clone(), window));
    let mut total = Tally::new();
    while let Some(tally) = workers.join_next().await {
        total.merge(&tally.context("a client of the benchmark panicked: this is a bug")?);
    }
    telling.abort();
    let report = Report::new(&args, &total, &pulse);
    print(&if args.json { report.json() } else { report.text() });
    if total.successes() == 0 {
        let why = total.last_error().map_or_else(|| "too little time".to_owned(), ToString::to_string);
        bail!("no operation succeeded: {why}");
    }
    Ok(ExitCode::SUCCESS)
}

/// One client for every connection, each known to reach the cluster. It asks nothing but etcd's KV service, so that
/// etcd itself can be measured for comparison.
async fn connect(args: &Args) -> anyhow::Result<Vec<Arc<Client>>> {
    let mut clients = Vec::new();
    for _ in 0..args.connections.min(args.clients) {
        let client = args.connection.client()?;
        client.get(workload::key(0), GetOptions::default()).await?;
        clients.push(Arc::new(client));
    }
    Ok(clients)
}

/// Numbers the workers and deals the connections out to them.
fn share(workers: u32, clients: &[Arc<Client>]) -> impl Iterator<Item = (u32, Arc<Client>)> {
    (0..workers).zip(clients.iter().cycle().cloned())
}

/// Writes every key once, so that reads find something.
async fn fill(args: &Args, workload: &Arc<Workload>, clients: &[Arc<Client>]) -> anyhow::Result<()> {
    let mut fillers: JoinSet<Result<(), ClientError>> = JoinSet::new();
    let filled = Arc::new(pulse::Filled::new(args.keys));
    for (number, client) in share(args.clients, clients) {
        let (workload, filled) = (workload.clone(), filled.clone());
        fillers.spawn(async move {
            let mut stream = workload.stream(number);
            while let Some(key) = filled.next() {
                client.put(workload::key(key), stream.value(), PutOptions::default()).await?;
            }
            Ok(())
        });
    }
    let telling = tokio::spawn(pulse::tell_filling(filled));
    while let Some(filler) = fillers.join_next().await {
        filler
            .context("a client of the benchmark panicked: this is a bug")?
            .context("cannot fill the keys")?;
    }
    telling.abort();
    pulse::clear_line();
    Ok(())
}

/// One client: request after request until time is up.
async fn work(client: Arc<Client>, mut stream: Stream, window: Window, pulse: Arc<Pulse>) -> Tally {
    let mut tally = Tally::new();
    loop {
        let begun = Instant::now();
        if begun >= window.end {
            return tally;
        }
        let operation = stream.next();
        let kind = operation.kind();
        let result = carry_out(&client, operation).await;
        let ended = Instant::now();
        if result.is_ok() {
            pulse.beat(ended);
        } else {
            pulse.miss();
        }
        let failed = result.is_err();
        if ended >= window.start {
            tally.record(kind, ended - begun, ended <= window.end, result);
        }
        if failed {
            sleep_until(ended + FAILURE_PAUSE).await;
        }
    }
}

async fn carry_out(client: &Client, operation: Operation) -> Result<(), ClientError> {
    match operation {
        Operation::Put { key, value } => client.put(key, value, PutOptions::default()).await.map(drop),
        Operation::Get { key, serializable } => {
            let options = GetOptions { serializable, ..GetOptions::default() };
            client.get(key, options).await.map(drop)
        }
    }
}
