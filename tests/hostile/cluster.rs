//! Who is attacked, and the clients that are served meanwhile.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use conclave::{
    client::{Client, GetOptions, Options, PutOptions},
    env::Clock,
};

use crate::programs::*;

pub(crate) const NODES: std::ops::RangeInclusive<u64> = 1..=3;
/// No process may have held more.
const MEMORY_KB_MAX: u64 = 700_000;
/// The log tells of a kind of refusal at most so often (`src/node/refusals.rs`).
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Three nodes and a proxy. Elections are late, so that a busy machine alone deposes nobody.
pub(crate) struct Cluster {
    directory: tempfile::TempDir,
    base_port: u16,
    programs: Vec<(String, Program)>,
    started: Instant,
}

/// Who leads in which term, as each node sees it.
pub(crate) type Standing = BTreeMap<u64, (Option<u64>, Option<u64>)>;

impl Cluster {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let base_port = free_ports(4);
        let mut cluster = Self { directory, base_port, programs: Vec::new(), started: Instant::now() };
        NODES.for_each(|id| cluster.start_node(id));
        let nodes: Vec<String> = NODES.map(|id| cluster.node_address(id)).collect();
        let line = format!("proxy --listen {} --nodes {}", cluster.endpoint(), nodes.join(","));
        cluster.start_program("proxy".to_owned(), &line);
        let endpoint = cluster.endpoint();
        eventually("the cluster serves", || {
            run(&format!("put begin now --timeout 1s --endpoints {endpoint}")).status.success()
        });
        eventually("all nodes follow the leader", || {
            cluster.standing().values().all(|(leader, _)| leader.is_some())
        });
        cluster
    }

    fn start_node(&mut self, id: u64) {
        let peers: Vec<String> = NODES.map(|peer| format!("{peer}={}", self.node_address(peer))).collect();
        let line = format!(
            "node --id {id} --listen {} --peers {} --data-dir {} --heartbeat-ms 300 --election-timeout-ms 3000",
            self.node_address(id),
            peers.join(","),
            self.directory.path().join(format!("node-{id}")).display(),
        );
        self.start_program(format!("node-{id}"), &line);
    }

    fn start_program(&mut self, name: String, line: &str) {
        let program = Program::start_logging(line, &self.log_of(&name));
        self.programs.push((name, program));
    }

    pub(crate) fn node_address(&self, id: u64) -> String {
        format!("127.0.0.1:{}", self.base_port + id as u16)
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.base_port)
    }

    /// Of all programs.
    pub(crate) fn addresses(&self) -> Vec<String> {
        NODES.map(|id| self.node_address(id)).chain([self.endpoint()]).collect()
    }

    fn status(&self, id: u64) -> serde_json::Value {
        let json = succeed(&format!("status --json --endpoints {}", self.node_address(id)));
        let status: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
        status["nodes"][0].clone()
    }

    pub(crate) fn standing(&self) -> Standing {
        let of = |id| {
            let status = self.status(id);
            (id, (status["leader"].as_u64(), status["term"].as_u64()))
        };
        NODES.map(of).collect()
    }

    /// What a node has refused, by kind.
    pub(crate) fn refused(&self, id: u64) -> BTreeMap<String, u64> {
        serde_json::from_value(self.status(id)["refused"].clone()).expect("counts by kind")
    }

    /// At least one line of that kind, and not one for each attempt.
    pub(crate) fn expect_few_lines(&self, id: u64, kind: &str) {
        let log = self.log(&format!("node-{id}"));
        let named = format!("kind=\"{kind}\"");
        let lines = log.lines().filter(|line| line.contains(&named)).count() as u32;
        let most = (self.started.elapsed().as_millis() / LOG_INTERVAL.as_millis()) as u32 + 1;
        assert!((1..=most).contains(&lines), "node {id}: {lines} lines of {kind}:\n{log}");
    }

    /// Everybody lives, nobody panicked, and nobody took more memory than he may.
    pub(crate) fn expect_sound(&self) {
        for (name, program) in &self.programs {
            assert!(is_alive(program.pid()), "{name} has ended:\n{}", self.log(name));
            let log = self.log(name);
            assert!(!log.contains("panicked"), "{name}:\n{log}");
            let Some(kilobytes) = memory_kb(program.pid()) else { continue };
            println!("{name}: at most {} MB, {} lines of log", kilobytes / 1000, log.lines().count());
            assert!(kilobytes < MEMORY_KB_MAX, "{name} held {kilobytes} kB");
        }
    }

    fn log_of(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.log"))
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.log_of(name)).expect("its log is there")
    }
}

/// The most that a process has held, where the system tells.
fn memory_kb(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A client that puts and gets, one after another, until it is stopped. No call of it may fail.
pub(crate) struct Service {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Service {
    pub(crate) fn start(endpoint: &str) -> Self {
        let (stop, calls) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (stopped, counted, endpoint) = (stop.clone(), calls.clone(), endpoint.to_owned());
        let thread = thread::spawn(move || runtime().block_on(serve(&endpoint, &stopped, &counted)));
        Self { stop, calls, thread }
    }

    pub(crate) fn await_progress(&self, calls: usize) {
        let goal = self.calls.load(Ordering::Relaxed) + calls;
        eventually("clients are served", || {
            assert!(!self.thread.is_finished(), "a call failed");
            self.calls.load(Ordering::Relaxed) >= goal
        });
    }

    pub(crate) fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("no call failed");
        self.calls.load(Ordering::Relaxed)
    }
}

async fn serve(endpoint: &str, stopped: &AtomicBool, calls: &AtomicUsize) {
    let options = Options { timeout: PATIENCE, ..Options::default() };
    let client = Client::new(&[endpoint.to_owned()], options, clock()).expect("a good endpoint");
    for number in 0.. {
        if stopped.load(Ordering::Relaxed) {
            return;
        }
        let (key, value) = (format!("key-{}", number % 10), format!("value-{number}"));
        client.put(key.clone(), value.clone(), PutOptions::default()).await.expect("a put is served");
        let found = client.get(key, GetOptions::default()).await.expect("a get is served");
        assert_eq!(found.kvs[0].value, value, "what was put is got");
        calls.fetch_add(2, Ordering::Relaxed);
    }
}

pub(crate) fn clock() -> Clock {
    Clock::new(Duration::ZERO)
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
