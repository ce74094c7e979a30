//! The original flow with real processes: two nodes, the preferred leader, the proxy, the client; then everything
//! that may go wrong with them.
#![cfg(all(unix, not(madsim)))]

mod programs;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use conclave::{
    client::{Client, GetOptions, Options, PutOptions},
    env::Clock,
};
use nix::sys::signal::Signal;
use programs::*;

/// Node 3 is preferred as leader.
const PREFERRED: u64 = 3;

/// The five programs, each a process of its own, on one machine.
struct Cluster {
    directory: tempfile::TempDir,
    base_port: u16,
    nodes: BTreeMap<u64, Program>,
    proxy: Option<Program>,
}

impl Cluster {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a scratch directory");
        Self { directory, base_port: free_ports(4), nodes: BTreeMap::new(), proxy: None }
    }

    fn node_address(&self, id: u64) -> String {
        format!("127.0.0.1:{}", self.base_port + id as u16)
    }

    fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.base_port)
    }

    fn start_node(&mut self, id: u64) {
        let peers: Vec<String> = (1..=3).map(|peer| format!("{peer}={}", self.node_address(peer))).collect();
        let data_dir: PathBuf = self.directory.path().join(format!("node-{id}"));
        let priority = if id == PREFERRED { 10 } else { 0 };
        self.nodes.insert(
            id,
            Program::start(&format!(
                "node --id {id} --listen {} --peers {} --data-dir {} --priority {priority}",
                self.node_address(id),
                peers.join(","),
                data_dir.display(),
            )),
        );
    }

    fn start_proxy(&mut self) {
        let nodes: Vec<String> = (1..=3).map(|id| self.node_address(id)).collect();
        let line = format!("proxy --listen {} --nodes {}", self.endpoint(), nodes.join(","));
        self.proxy = Some(Program::start(&line));
    }

    fn start_everything(&mut self) {
        [1, 2, PREFERRED].into_iter().for_each(|id| self.start_node(id));
        self.start_proxy();
    }

    /// As nothing else ends: without a word.
    fn kill_node(&mut self, id: u64) {
        let node = self.nodes.remove(&id).expect("the node runs");
        send_signal(node.pid(), Signal::SIGKILL);
        node.end();
    }

    fn kill_everything(&mut self) {
        let all: Vec<Program> =
            std::mem::take(&mut self.nodes).into_values().chain(self.proxy.take()).collect();
        all.iter().for_each(|program| send_signal(program.pid(), Signal::SIGKILL));
        all.into_iter().for_each(|program| {
            program.end();
        });
    }

    /// The leader, as the node or proxy at this address sees it.
    fn leader_seen_by(&self, address: &str) -> Option<u64> {
        let output = run(&format!("status --json --endpoints {address}"));
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        status["leader"].as_u64()
    }

    fn await_leader(&self, what: &str, is_right: impl Fn(u64) -> bool) {
        let addresses = [self.endpoint(), self.node_address(1), self.node_address(2), self.node_address(3)];
        eventually(what, || {
            addresses.iter().filter_map(|address| self.leader_seen_by(address)).any(&is_right)
        });
    }

    fn succeed(&self, line: &str) -> String {
        succeed(&format!("{line} --endpoints {}", self.endpoint()))
    }

    fn is_whole(&self) -> bool {
        self.nodes.values().chain(&self.proxy).all(|program| is_alive(program.pid()))
    }
}

/// A client in this process that writes one key after another and notes what was acknowledged.
struct Writer {
    stop: Arc<AtomicBool>,
    notes: Arc<Mutex<Notes>>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Notes {
    /// Keys with a revision: acknowledged.
    acknowledged: BTreeMap<String, i64>,
    failures: Vec<String>,
    longest_gap: Duration,
}

impl Writer {
    fn start(endpoint: &str, prefix: &'static str) -> Self {
        let (stop, notes) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Notes::default())));
        let (stopped, noted, endpoint) = (stop.clone(), notes.clone(), endpoint.to_owned());
        let thread = thread::spawn(move || {
            let options = Options { timeout: PATIENCE, ..Options::default() };
            let client =
                Client::new(&[endpoint], options, Clock::new(Duration::ZERO)).expect("a good endpoint");
            runtime().block_on(write(&client, prefix, &stopped, &noted));
        });
        Self { stop, notes, thread }
    }

    fn written(&self) -> usize {
        self.notes.lock().expect("no writer panics").acknowledged.len()
    }

    fn await_progress(&self, count: usize) {
        let goal = self.written() + count;
        eventually("writes go on", || self.written() >= goal);
    }

    fn stop(self) -> Notes {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the writer does not panic");
        std::mem::take(&mut *self.notes.lock().expect("no writer panics"))
    }
}

async fn write(client: &Client, prefix: &str, stopped: &AtomicBool, notes: &Mutex<Notes>) {
    let mut last = Instant::now();
    for number in 0.. {
        if stopped.load(Ordering::Relaxed) {
            return;
        }
        let key = format!("{prefix}-{number:06}");
        let written = client.put(key.clone(), value_of(&key), PutOptions::default()).await;
        let mut notes = notes.lock().expect("no writer panics");
        match written {
            Ok(response) => {
                notes.acknowledged.insert(key, response.header.expect("a reply has a header").revision);
                notes.longest_gap = notes.longest_gap.max(last.elapsed());
                last = Instant::now();
            }
            Err(error) => notes.failures.push(format!("{key}: {error}")),
        }
    }
}

fn value_of(key: &str) -> String {
    format!("value of {key}")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Every acknowledged write is there, with its value, at its revision.
fn expect_all(endpoint: &str, acknowledged: &BTreeMap<String, i64>) {
    let options = Options { timeout: PATIENCE, ..Options::default() };
    let client =
        Client::new(&[endpoint.to_owned()], options, Clock::new(Duration::ZERO)).expect("a good endpoint");
    runtime().block_on(async {
        for (key, revision) in acknowledged {
            let found = client.get(key.clone(), GetOptions::default()).await.expect("the cluster answers");
            let pair = found.kvs.first().unwrap_or_else(|| panic!("{key} was acknowledged and is lost"));
            assert_eq!(pair.value, value_of(key), "{key}");
            assert_eq!(pair.mod_revision, *revision, "{key}");
        }
    });
}

fn start_shell(endpoint: &str) -> Child {
    let mut command = conclave(["client", "--endpoints", endpoint]);
    command.stdin(Stdio::piped()).spawn().expect("the client starts")
}

#[test]
fn the_original_flow_and_what_may_go_wrong_with_it() {
    let mut cluster = Cluster::new();
    two_nodes_elect_one_of_them(&mut cluster);
    the_preferred_node_gets_the_lead(&mut cluster);
    clients_write_and_read_through_the_proxy(&mut cluster);
    a_client_dies_in_mid_work_and_nobody_minds(&cluster);
    the_leader_dies_and_writes_go_on(&mut cluster);
    everything_dies_and_nothing_acknowledged_is_lost(&mut cluster);
}

fn two_nodes_elect_one_of_them(cluster: &mut Cluster) {
    cluster.start_node(1);
    cluster.start_node(2);
    cluster.await_leader("a leader of two", |leader| leader != PREFERRED);
}

fn the_preferred_node_gets_the_lead(cluster: &mut Cluster) {
    cluster.start_node(PREFERRED);
    cluster.await_leader("the preferred leader", |leader| leader == PREFERRED);
}

fn clients_write_and_read_through_the_proxy(cluster: &mut Cluster) {
    cluster.start_proxy();
    let endpoint = cluster.endpoint();
    eventually("the proxy answers", || run(&format!("status --endpoints {endpoint}")).status.success());
    cluster.succeed("put color red");
    assert_eq!(cluster.succeed("get color"), "color\tred\n");
    let output =
        run_fed(&format!("client --endpoints {endpoint}"), "put shape round\nget shape\nget color\nstatus\n");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert!(said.contains("round") && said.contains("red") && said.contains("leader"), "{said}");
}

fn a_client_dies_in_mid_work_and_nobody_minds(cluster: &Cluster) {
    let mut idle = start_shell(&cluster.endpoint());
    let _open_terminal = idle.stdin.take();
    let line = format!(
        "bench --clients 16 --connections 2 --keys 100 --seconds 60 --endpoints {}",
        cluster.endpoint()
    );
    let busy = Program::start(&line);
    let revision = || {
        let output = run(&format!("status --json --endpoints {}", cluster.endpoint()));
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        status["nodes"][0]["revision"].as_i64().unwrap_or_default()
    };
    eventually("the busy client is in mid-work", || revision() > 100);
    send_signal(idle.id(), Signal::SIGINT);
    // Not by Ctrl+C: it is ignored by whatever a shell starts in the background, such as this test.
    send_signal(busy.pid(), Signal::SIGKILL);
    let interrupted = Instant::now();
    assert_ne!(finish(idle, "the shell").status.code(), Some(0));
    assert_ne!(busy.end().code(), Some(0));
    println!("two clients ended {:?} after Ctrl+C and a kill", interrupted.elapsed());
    assert_eq!(cluster.succeed("get color"), "color\tred\n");
    cluster.succeed("put color green");
    assert!(cluster.is_whole(), "a dead client takes nobody along");
}

fn the_leader_dies_and_writes_go_on(cluster: &mut Cluster) {
    let writer = Writer::start(&cluster.endpoint(), "failover");
    writer.await_progress(50);
    cluster.kill_node(PREFERRED);
    writer.await_progress(200);
    cluster.start_node(PREFERRED);
    cluster.await_leader("the restarted node to lead again", |leader| leader == PREFERRED);
    writer.await_progress(50);
    let notes = writer.stop();
    println!(
        "leader killed under load: {} writes, none failed, longest gap {:?}",
        notes.acknowledged.len(),
        notes.longest_gap
    );
    assert_eq!(notes.failures, Vec::<String>::new(), "no write fails because a leader died");
    expect_all(&cluster.endpoint(), &notes.acknowledged);
}

fn everything_dies_and_nothing_acknowledged_is_lost(cluster: &mut Cluster) {
    let writer = Writer::start(&cluster.endpoint(), "blackout");
    writer.await_progress(200);
    cluster.kill_everything();
    cluster.start_everything();
    // The writer goes on with the new proxy: its connection was refused at most for a while.
    writer.await_progress(50);
    let notes = writer.stop();
    println!(
        "everything killed: {} writes acknowledged, {} not",
        notes.acknowledged.len(),
        notes.failures.len()
    );
    expect_all(&cluster.endpoint(), &notes.acknowledged);
    assert_eq!(cluster.succeed("get color"), "color\tgreen\n");
}
