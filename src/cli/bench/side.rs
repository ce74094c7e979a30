//! One measurement of one cluster, from the first connection to the last answer.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    super::connection::Connection,
    args::Args,
    breakdown::{self, Breakdown, Program},
    cpu::{self, Process, Used, Wanted},
    pace::Pace,
    pulse::{self, Pulse},
    tally::Tally,
    timeline::Timeline,
    window::Window,
    workload::{self, Operation, Stream, Workload},
};
use crate::client::{Client, ClientError, GetOptions, PutOptions};

/// A refused client pauses, or it would burn the processor that the cluster needs to recover.
const FAILURE_PAUSE: Duration = Duration::from_millis(10);

/// A cluster that was reached.
pub(super) struct Side {
    /// Its endpoints, as they were given.
    pub(super) name: String,
    /// One for every connection.
    clients: Vec<Arc<Client>>,
    processes: Vec<Process>,
    /// Whose metrics are looked at.
    programs: Vec<Program>,
}

/// What was measured.
pub(super) struct Measured {
    pub(super) tally: Tally,
    pub(super) timeline: Timeline,
    pub(super) longest_gap: Duration,
    /// What the processes used that were asked about.
    pub(super) used: Vec<Used>,
    /// What this process used itself.
    pub(super) used_here: Vec<Used>,
    pub(super) breakdown: Option<Breakdown>,
}

/// What all clients go by, and tell.
struct Course {
    window: Window,
    pace: Pace,
    pulse: Arc<Pulse>,
    timeline: Timeline,
}

impl Side {
    /// Finds a cluster, and the processes that an option names. Each connection is known to reach the cluster. It is asked
    /// nothing but etcd's KV service, so that etcd itself can be measured for comparison.
    ///
    /// # Errors
    /// One of them is not there.
    pub(super) async fn find(
        args: &Args,
        connection: &Connection,
        (option, wanted): (&str, &[Wanted]),
    ) -> anyhow::Result<Self> {
        let processes = cpu::find(option, wanted)?;
        let mut clients = Vec::new();
        for _ in 0..args.connections.min(args.clients) {
            let client = connection.client()?;
            client.get(workload::key(0), GetOptions::default()).await?;
            clients.push(Arc::new(client));
        }
        let name = connection.endpoint_texts().join(",");
        let programs = breakdown::find(&args.breakdown).await?;
        Ok(Self { name, clients, processes, programs })
    }

    /// Writes every key once if any is to be read, so that reads find something.
    ///
    /// # Errors
    /// A write failed.
    pub(super) async fn prepare(&self, args: &Args) -> anyhow::Result<()> {
        let workload = Arc::new(Workload::new(args));
        if !workload.reads() {
            return Ok(());
        }
        let mut fillers: JoinSet<Result<(), ClientError>> = JoinSet::new();
        let filled = Arc::new(pulse::Filled::new(args.keys));
        for (number, client) in self.share(args.clients) {
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

    /// Measures once.
    ///
    /// # Errors
    /// Metrics that were asked for are not shown.
    pub(super) async fn measure(&self, args: &Args) -> anyhow::Result<Measured> {
        let workload = Workload::new(args);
        let pace = Pace::new(args.rate);
        let start = Instant::now() + args.warmup;
        let window = Window { start, end: start + args.seconds };
        let (pulse, timeline) = (Arc::new(Pulse::new(window)), Timeline::new(window));
        let course = Arc::new(Course { window, pace, pulse: pulse.clone(), timeline });
        let mut workers = JoinSet::new();
        for (number, client) in self.share(args.clients) {
            workers.spawn(work(client, workload.stream(number), course.clone()));
        }
        let telling = tokio::spawn(pulse::tell(pulse.clone(), window));
        let used = tokio::spawn(cpu::watch(self.processes.clone(), window));
        let used_here = tokio::spawn(cpu::watch(cpu::this().into_iter().collect(), window));
        let breakdown = tokio::spawn(breakdown::watch(self.programs.clone(), window));
        let mut tally = Tally::new();
        while let Some(one) = workers.join_next().await {
            tally.merge(&one.context("a client of the benchmark panicked: this is a bug")?);
        }
        telling.abort();
        pulse::clear_line();
        let (used, used_here) = (used.await?, used_here.await?);
        let breakdown = breakdown.await??;
        let course = Arc::into_inner(course).expect("all clients have ended");
        let longest_gap = course.pulse.longest_gap();
        Ok(Measured { tally, timeline: course.timeline, longest_gap, used, used_here, breakdown })
    }

    /// Numbers the workers and deals the connections out to them.
    fn share(&self, workers: u32) -> impl Iterator<Item = (u32, Arc<Client>)> {
        (0..workers).zip(self.clients.iter().cycle().cloned())
    }
}

impl Measured {
    /// # Errors
    /// Nothing succeeded: why.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.tally.successes() == 0 {
            let why =
                self.tally.last_error().map_or_else(|| "too little time".to_owned(), ToString::to_string);
            bail!("no operation succeeded: {why}");
        }
        Ok(())
    }
}

/// One client: request after request until time is up.
async fn work(client: Arc<Client>, mut stream: Stream, course: Arc<Course>) -> Tally {
    let Course { window, pace, pulse, timeline } = &*course;
    let mut tally = Tally::new();
    loop {
        let Some(begun) = pace.due(window.end).await else { return tally };
        let operation = stream.next();
        let kind = operation.kind();
        let result = carry_out(&client, operation).await;
        let ended = Instant::now();
        let failed = result.is_err();
        match failed {
            false => pulse.beat(ended),
            true => pulse.miss(),
        }
        timeline.record(ended, ended - begun, !failed);
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
