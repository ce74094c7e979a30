//! Members and leaders change under load, with real processes, and no client notices.
#![cfg(all(unix, not(madsim)))]

mod programs;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
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
use serde_json::Value;

/// Logs so short that whoever joins needs a snapshot.
const LOG_ENTRIES: u64 = 200;
const NODES_MAX: u16 = 9;
const CLIENTS: usize = 16;

/// Nodes 1, 2 and 3 found it; the others join.
struct Cluster {
    directory: tempfile::TempDir,
    base_port: u16,
    nodes: BTreeMap<u64, Program>,
    _proxy: Program,
}

impl Cluster {
    fn start() -> Self {
        let base_port = free_ports(NODES_MAX + 1);
        let directory = tempfile::tempdir().expect("a scratch directory");
        let address = |id: u16| format!("127.0.0.1:{}", base_port + id);
        let founders = [1, 2, 3].map(address).join(",");
        let proxy = Program::start(&format!("proxy --listen {} --nodes {founders}", address(0)));
        let mut cluster = Self { directory, base_port, nodes: BTreeMap::new(), _proxy: proxy };
        (1..=3).for_each(|id| cluster.start_node(id));
        eventually("the cluster serves", || run(&cluster.line("put ready yes")).status.success());
        cluster
    }

    fn address(&self, id: u64) -> String {
        format!("127.0.0.1:{}", self.base_port + id as u16)
    }

    fn start_node(&mut self, id: u64) {
        let founders = [1, 2, 3].map(|id| format!("{id}={}", self.address(id))).join(",");
        let how = if id <= 3 { format!("--peers {founders}") } else { "--join".to_owned() };
        let data_dir = self.directory.path().join(format!("node-{id}"));
        let line = format!(
            "node {how} --id {id} --listen {} --data-dir {} --log-entries {LOG_ENTRIES}",
            self.address(id),
            data_dir.display()
        );
        self.nodes.insert(id, Program::start(&line));
    }

    fn line(&self, command: &str) -> String {
        format!("{command} --endpoints {}", self.address(0))
    }

    fn succeed(&self, command: &str) -> String {
        succeed(&self.line(command))
    }

    fn json(&self, command: &str) -> Value {
        serde_json::from_str(&self.succeed(&format!("{command} --json"))).expect("it prints JSON")
    }

    fn leader(&self) -> u64 {
        let mut leader = None;
        eventually("somebody leads", || {
            leader = self.json("status")["leader"].as_u64();
            leader.is_some()
        });
        leader.expect("somebody leads")
    }

    fn members(&self) -> Vec<u64> {
        let list = self.json("member list");
        let members = list["members"].as_array().expect("a list");
        members.iter().filter(|row| row["member"] == "voter").filter_map(|row| row["node"].as_u64()).collect()
    }

    /// A node that is to end by itself, because it is no member any more.
    fn ends(&mut self, id: u64) {
        let ended = self.nodes.remove(&id).expect("it was started").end();
        assert!(ended.success(), "node {id} was removed and ended with {ended}");
    }
}

/// Clients that write and read, each its own key: a read returns what was written last.
struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Result<u64, String>>>,
}

impl Load {
    fn start(endpoint: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |number| {
            let (stop, endpoint) = (stop.clone(), endpoint.to_owned());
            thread::spawn(move || work(number, &endpoint, &stop))
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { stop, clients }
    }

    /// The operations that were done; the first one that failed fails the test.
    fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let done = self.clients.into_iter().map(|client| client.join().expect("a client does not panic"));
        done.map(|done| done.expect("no operation fails")).sum()
    }
}

fn work(number: usize, endpoint: &str, stop: &AtomicBool) -> Result<u64, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let key = format!("load-{number}");
    runtime.block_on(async {
        let client = Client::new(&[endpoint.to_owned()], Options::default(), Clock::new(Duration::ZERO))
            .expect("a good address");
        let mut done = 0;
        while !stop.load(Ordering::Relaxed) {
            let value = format!("{done}");
            let put = client.put(key.clone(), value.clone(), PutOptions::default()).await;
            put.map_err(|error| format!("put {value} of {key}: {error}"))?;
            let got = client.get(key.clone(), GetOptions::default()).await;
            let got = got.map_err(|error| format!("get of {key}: {error}"))?;
            let found = got.kvs.first().map(|pair| String::from_utf8_lossy(&pair.value).into_owned());
            if found.as_deref() != Some(value.as_str()) {
                return Err(format!("{key} is {found:?}, {value} was acknowledged"));
            }
            done += 2;
        }
        Ok(done)
    })
}

#[test]
fn members_and_leaders_change_under_load_and_no_operation_fails() {
    let mut cluster = Cluster::start();
    let load = Load::start(&cluster.address(0));
    eventually("the log was compacted", || {
        cluster.json("status")["nodes"][0]["compacted"].as_u64().is_some_and(|index| index > LOG_ENTRIES)
    });

    // 3 -> 5: both at once, and by snapshot, for the log's beginning is gone.
    cluster.start_node(4);
    cluster.start_node(5);
    let (four, five) = (cluster.address(4), cluster.address(5));
    cluster.succeed(&format!("member add 4={four} 5={five}"));
    assert_eq!(cluster.members(), [1, 2, 3, 4, 5]);

    // Leadership goes round.
    for turn in 0..10 {
        let to = turn % 5 + 1;
        assert_eq!(cluster.succeed(&format!("transfer --to {to}")), format!("node {to} leads\n"));
    }

    // A node dies for good, and another takes its place.
    drop(cluster.nodes.remove(&2));
    cluster.start_node(6);
    let six = cluster.address(6);
    cluster.succeed(&format!("member replace 2 6={six}"));
    assert_eq!(cluster.members(), [1, 3, 4, 5, 6]);

    // The leader is told to stop, and comes back.
    let leader = cluster.leader();
    let stopped = cluster.nodes.remove(&leader).expect("a node that runs");
    send_signal(stopped.pid(), Signal::SIGTERM);
    assert!(stopped.end().success());
    assert_ne!(cluster.leader(), leader);
    cluster.start_node(leader);

    // 5 -> 3: the leader is among those who go.
    let leader = cluster.leader();
    let other = cluster.members().into_iter().find(|&id| id != leader).expect("five nodes");
    cluster.succeed(&format!("member remove {leader} {other}"));
    assert_eq!(cluster.members().len(), 3);
    cluster.ends(leader);
    cluster.ends(other);

    thread::sleep(Duration::from_millis(500));
    let operations = load.finish();
    println!("{operations} operations, none failed");
    assert!(operations > 1_000, "only {operations} operations: the clients were held up");
}

/// One of three is dead. Without one of the others, two would be left, of which one is dead.
#[test]
fn a_change_that_would_leave_no_majority_is_refused() {
    let mut cluster = Cluster::start();
    drop(cluster.nodes.remove(&1));
    eventually("the leader misses node 1", || {
        let list = cluster.json("member list");
        let mut rows = list["members"].as_array().expect("a list").iter();
        rows.any(|row| row["node"] == 1 && row["state"] == "does not answer")
    });
    for node in [2, 3] {
        let line = cluster.line(&format!("member remove {node}"));
        let said = complaint(&run(&line), &line);
        assert!(!said.contains("lost the connection") && !said.contains("may have happened"), "{said}");
        assert!(said.contains("node 1 does not answer"), "{said}");
        assert!(said.contains("'conclave member replace 1 N=HOST:PORT'"), "{said}");
    }
    cluster.succeed("put still works");
    assert_eq!(cluster.members(), [1, 2, 3]);

    // What it says is what helps.
    cluster.start_node(4);
    let four = cluster.address(4);
    cluster.succeed(&format!("member replace 1 4={four}"));
    assert_eq!(cluster.members(), [2, 3, 4]);
    cluster.succeed("member remove 2");
    cluster.ends(2);
    assert_eq!(cluster.members(), [3, 4]);
}

#[test]
fn what_makes_no_sense_is_explained() {
    let mut cluster = Cluster::start();
    let complain = |cluster: &Cluster, command: &str, expected: &str| {
        let line = cluster.line(command);
        let output = run(&line);
        let last = text(&output.stderr).lines().last().unwrap_or_default().to_owned();
        assert!(!output.status.success() && last.starts_with("error: "), "{command}: {last}");
        assert!(last.contains(expected), "{command}: {last}");
    };
    complain(&cluster, "member remove 1 2 3", "no voter would be left");
    complain(&cluster, "member remove 8", "node 8 is no member");
    complain(&cluster, "member promote 8", "node 8 is no member");
    complain(&cluster, "member add 4=127.0.0.1", "the port is missing");
    let taken = cluster.address(1);
    complain(&cluster, &format!("member add 4={taken}"), "is node 1's");
    complain(&cluster, "transfer --to 8", "node 8 is no voter");

    // A node that nobody started holds the change up, not the cluster; and the change can be taken back.
    let four = cluster.address(4);
    complain(&cluster, &format!("member add 4={four} --wait 1s"), "node 4 does not answer");
    cluster.succeed("put still works");
    cluster.succeed("member remove 4");
    complain(&cluster, &format!("member add 4={four}"), "a number that was never used");

    cluster.succeed("member remove 3");
    cluster.ends(3);
    assert_eq!(cluster.members(), [1, 2]);
}
