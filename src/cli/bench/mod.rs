//! `conclave bench`: many clients, each sending its next request when the last is answered, or all together at a given rate.

mod args;
mod pace;
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

pub(super) use self::args::Args;
use self::{
    pace::Pace,
    pulse::{Pulse, Window},
    report::Report,
    tally::Tally,
    workload::{Operation, Stream, Workload},
};
use super::output::print;
use crate::client::{Client, ClientError, GetOptions, PutOptions};

/// A refused client pauses, or it would burn the processor that the cluster needs to recover.
const FAILURE_PAUSE: Duration = Duration::from_millis(10);

/// Runs the measurement and prints its result.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let workload = Arc::new(Workload::new(&args));
    let clients = connect(&args).await?;
    if workload.reads() {
        fill(&args, &workload, &clients).await?;
    }
    let pace = Arc::new(Pace::new(args.rate));
    let start = Instant::now() + args.warmup;
    let window = Window { start, end: start + args.seconds };
    let pulse = Arc::new(Pulse::new(window));
    let mut workers = JoinSet::new();
    for (number, client) in share(args.clients, &clients) {
        workers.spawn(work(client, workload.stream(number), window, pace.clone(), pulse.clone()));
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
async fn work(
    client: Arc<Client>,
    mut stream: Stream,
    window: Window,
    pace: Arc<Pace>,
    pulse: Arc<Pulse>,
) -> Tally {
    let mut tally = Tally::new();
    loop {
        let Some(begun) = pace.due(window.end).await else { return tally };
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
