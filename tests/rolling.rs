//! A rolling restart, one program after the other, under load: no operation fails.
#![cfg(all(unix, not(madsim)))]

mod programs;

use std::{
    env,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use conclave::{
    client::{Client, GetOptions, Options, PutOptions},
    env::Clock,
};
use nix::sys::signal::Signal;
use programs::*;

const NODES: std::ops::RangeInclusive<u64> = 1..=3;
const PROXIES: std::ops::RangeInclusive<u64> = 4..=5;
const WRITERS: u64 = 4;

/// Three nodes and two proxies, each of which can be told to stop and started again as another program.
struct Cluster {
    directory: tempfile::TempDir,
    base_port: u16,
    programs: Vec<Option<Program>>,
}

impl Cluster {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a scratch directory");
        Self { directory, base_port: free_ports(6), programs: (0..6).map(|_| None).collect() }
    }

    fn address(&self, number: u64) -> String {
        format!("127.0.0.1:{}", self.base_port + number as u16)
    }

    fn endpoints(&self) -> Vec<String> {
        PROXIES.map(|proxy| self.address(proxy)).collect()
    }

    fn command_line(&self, number: u64) -> String {
        let listen = self.address(number);
        let list = |named: bool| -> String {
            let one = |id| if named { format!("{id}={}", self.address(id)) } else { self.address(id) };
            NODES.map(one).collect::<Vec<_>>().join(",")
        };
        if NODES.contains(&number) {
            let data_dir = self.directory.path().join(format!("node-{number}"));
            let peers = list(true);
            format!("node --id {number} --listen {listen} --peers {peers} --data-dir {}", data_dir.display())
        } else {
            format!("proxy --listen {listen} --nodes {}", list(false))
        }
    }

    fn start(&mut self, number: u64, release: &Path) {
        let line = self.command_line(number);
        self.programs[number as usize] = Some(Program::start_other(release, &line));
    }

    /// Tells it to stop, as an operator or systemd does, and starts it again.
    fn restart(&mut self, number: u64, release: &Path) {
        let program = self.programs[number as usize].take().expect("it runs");
        send_signal(program.pid(), Signal::SIGTERM);
        assert!(program.end().success(), "{number} stops as it is told to");
        self.start(number, release);
        self.await_all(&format!("{number} is back"));
    }

    /// Until each proxy shows every node, and all of them at the end of the log.
    fn await_all(&self, what: &str) {
        eventually(what, || self.endpoints().iter().all(|endpoint| is_whole(endpoint)));
    }
}

fn is_whole(endpoint: &str) -> bool {
    let output = run(&format!("status --json --timeout 2s --endpoints {endpoint}"));
    let Ok(status) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else { return false };
    let nodes = status["nodes"].as_array().cloned().unwrap_or_default();
    let commits: Vec<u64> = nodes.iter().filter_map(|node| node["commit"].as_u64()).collect();
    let newest = commits.iter().max().copied().unwrap_or(0);
    nodes.len() == 3
        && nodes.iter().all(|node| node["reachable"] == true)
        && !status["leader"].is_null()
        && commits.iter().all(|commit| commit + 1_000 > newest)
}

/// Clients that write and read what they wrote, all the time.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    writers: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(endpoints: &[String]) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let writers = (0..WRITERS).map(|number| {
            let (stop, done) = (stop.clone(), done.clone());
            let mut endpoints = endpoints.to_vec();
            endpoints.rotate_left(number as usize % 2);
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(write_and_read(number, &endpoints, &stop, &done))
            })
        });
        Self { writers: writers.collect(), stop, done }
    }

    fn stop(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let failures = self.writers.into_iter().flat_map(|writer| writer.join().expect("no writer panics"));
        (self.done.load(Ordering::Relaxed), failures.collect())
    }
}

async fn write_and_read(
    number: u64,
    endpoints: &[String],
    stop: &AtomicBool,
    done: &AtomicU64,
) -> Vec<String> {
    let options = Options { timeout: PATIENCE, ..Options::default() };
    let client = Client::new(endpoints, options, Clock::new(Duration::ZERO)).expect("good endpoints");
    let mut failures = Vec::new();
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (key, value) = (format!("writer-{number}"), round.to_string());
        if let Err(error) = client.put(key.clone(), value.clone(), PutOptions::default()).await {
            failures.push(format!("put {value}: {error}"));
            continue;
        }
        match client.get(key, GetOptions::default()).await {
            Ok(found) if found.kvs.first().is_some_and(|pair| pair.value == value) => {}
            Ok(found) => failures.push(format!("get after put {value}: {:?}", found.kvs)),
            Err(error) => failures.push(format!("get {value}: {error}")),
        }
        done.fetch_add(2, Ordering::Relaxed);
    }
    failures
}

fn this_release() -> PathBuf {
    env!("CARGO_BIN_EXE_conclave").into()
}

/// These programs under load, once each, the leader among them; the others stay as they are.
fn roll(cluster: &mut Cluster, numbers: impl IntoIterator<Item = u64>, to: &Path) {
    let load = Load::start(&cluster.endpoints());
    numbers.into_iter().for_each(|number| cluster.restart(number, to));
    let (done, failures) = load.stop();
    let shown = &failures[..failures.len().min(10)];
    assert!(failures.is_empty(), "{} of {done} failed: {shown:#?}", failures.len());
    assert!(done > 40, "{done} operations in all");
    println!("{done} operations, none failed");
}

fn start_all(release: &Path) -> Cluster {
    let mut cluster = Cluster::new();
    NODES.chain(PROXIES).for_each(|number| cluster.start(number, release));
    cluster.await_all("a cluster");
    cluster
}

#[test]
fn a_rolling_restart_fails_no_operation() {
    let release = this_release();
    roll(&mut start_all(&release), NODES.chain(PROXIES), &release);
}

/// The release before is built by `.ci/run`, for it takes minutes.
#[test]
fn a_rolling_upgrade_fails_no_operation() {
    let Some(before) = env::var_os("CONCLAVE_RELEASE_BEFORE").map(PathBuf::from) else {
        println!("SKIPPED: CONCLAVE_RELEASE_BEFORE names no program of the release before: see .ci/run");
        return;
    };
    let mut cluster = start_all(&before);
    roll(&mut cluster, NODES, &this_release());
    // Proxies of the release before cut the calls under way when they are told to stop: a load balancer takes them out first.
    PROXIES.for_each(|number| cluster.restart(number, &this_release()));
    roll(&mut cluster, NODES.chain(PROXIES), &this_release());
}
