//! Backups with real processes: taken under load, and a new cluster made of one.
#![cfg(all(unix, not(madsim)))]

mod programs;

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use conclave::{
    client::{Client, GetOptions, Options, PutOptions},
    env::Clock,
};
use nix::sys::signal::Signal;
use programs::*;
use serde_json::Value;

fn client(endpoint: &str) -> Client {
    let options = Options { timeout: PATIENCE, ..Options::default() };
    Client::new(&[endpoint.to_owned()], options, Clock::new(Duration::ZERO)).expect("a good endpoint")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Three nodes and a proxy.
struct Cluster {
    directory: PathBuf,
    base_port: u16,
    nodes: BTreeMap<u64, Program>,
    proxy: Option<Program>,
}

impl Cluster {
    fn new(directory: &Path) -> Self {
        let directory = directory.to_owned();
        Self { directory, base_port: free_ports(4), nodes: BTreeMap::new(), proxy: None }
    }

    fn address(&self, id: u64) -> String {
        format!("127.0.0.1:{}", self.base_port + id as u16)
    }

    fn endpoint(&self) -> String {
        self.address(0)
    }

    fn peers(&self) -> String {
        let peers: Vec<String> = (1..=3).map(|id| format!("{id}={}", self.address(id))).collect();
        peers.join(",")
    }

    fn data_dir(&self, id: u64) -> PathBuf {
        self.directory.join(format!("node-{id}"))
    }

    fn start_node(&mut self, id: u64) {
        let line = format!(
            "node --id {id} --listen {} --peers {} --data-dir {}",
            self.address(id),
            self.peers(),
            self.data_dir(id).display()
        );
        self.nodes.insert(id, Program::start(&line));
    }

    fn start(&mut self) {
        (1..=3).for_each(|id| self.start_node(id));
        let nodes: Vec<String> = (1..=3).map(|id| self.address(id)).collect();
        let line = format!("proxy --listen {} --nodes {}", self.endpoint(), nodes.join(","));
        self.proxy = Some(Program::start(&line));
        eventually("a node leads", || self.leader().is_some());
    }

    fn status(&self) -> Value {
        let output = run(&format!("status --json --endpoints {}", self.endpoint()));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn leader(&self) -> Option<u64> {
        self.status()["leader"].as_u64()
    }

    fn kill_node(&mut self, id: u64) {
        let node = self.nodes.remove(&id).expect("the node runs");
        send_signal(node.pid(), Signal::SIGKILL);
        node.end();
    }

    /// As an operator stops it.
    fn stop(&mut self) {
        for program in std::mem::take(&mut self.nodes).into_values().chain(self.proxy.take()) {
            send_signal(program.pid(), Signal::SIGTERM);
            program.end();
        }
    }

    fn restore(&self, id: u64, backup: &Path) -> String {
        format!(
            "snapshot restore {} --id {id} --peers {} --data-dir {}",
            backup.display(),
            self.peers(),
            self.data_dir(id).display()
        )
    }
}

/// Keys with their revisions, as they were acknowledged.
type Acknowledged = Arc<Mutex<BTreeMap<String, i64>>>;

/// Writes one key after another until it is told to stop.
struct Writer {
    stop: Arc<AtomicBool>,
    acknowledged: Acknowledged,
    thread: thread::JoinHandle<()>,
}

impl Writer {
    fn start(endpoint: &str, prefix: &'static str) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Acknowledged::default());
        let (stopped, noted, client) = (stop.clone(), acknowledged.clone(), client(endpoint));
        let thread = thread::spawn(move || {
            runtime().block_on(async {
                for number in 0.. {
                    if stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    let key = format!("{prefix}-{number:06}");
                    let value = format!("value of {key}").repeat(20);
                    if let Ok(response) = client.put(key.clone(), value, PutOptions::default()).await {
                        let revision = response.header.expect("a reply has a header").revision;
                        noted.lock().expect("nobody panics").insert(key, revision);
                    }
                }
            });
        });
        Self { stop, acknowledged, thread }
    }

    fn so_far(&self) -> BTreeMap<String, i64> {
        self.acknowledged.lock().expect("nobody panics").clone()
    }

    fn await_progress(&self, count: usize) {
        let goal = self.so_far().len() + count;
        eventually("writes go on", || self.so_far().len() >= goal);
    }

    fn stop(self) -> BTreeMap<String, i64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the writer does not panic");
        std::mem::take(&mut *self.acknowledged.lock().expect("nobody panics"))
    }
}

fn expect_all(endpoint: &str, acknowledged: &BTreeMap<String, i64>) {
    let client = client(endpoint);
    runtime().block_on(async {
        for (key, revision) in acknowledged {
            let found = client.get(key.clone(), GetOptions::default()).await.expect("the cluster answers");
            let pair = found.kvs.first().unwrap_or_else(|| panic!("{key} was acknowledged and is lost"));
            assert_eq!(pair.value, format!("value of {key}").repeat(20), "{key}");
            assert_eq!(pair.mod_revision, *revision, "{key}");
        }
    });
}

#[test]
fn a_backup_under_load_becomes_a_new_cluster_with_all_that_was_acknowledged() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let mut old = Cluster::new(&scratch.path().join("old"));
    old.start();
    let writer = Writer::start(&old.endpoint(), "load");
    writer.await_progress(300);
    let backup = scratch.path().join("first.backup");
    let before = saved_while_the_leader_dies(&mut old, &writer, &backup);
    shows_what_it_holds(&backup, before.len());

    let mut new = Cluster::new(&scratch.path().join("new"));
    for id in 1..=3 {
        let line = succeed(&new.restore(id, &backup));
        assert!(line.starts_with(&format!("node {id} of cluster conclave (id ")), "{line}");
    }
    let again = complaint(&run(&new.restore(2, &backup)), "restored twice");
    assert!(again.contains("is not empty, ") && again.contains("name another directory"), "{again}");
    new.start();
    expect_all(&new.endpoint(), &before);
    revisions_go_on(&new, &backup);
    an_old_node_is_refused(&mut old, &mut new, writer);
}

/// Returns what was acknowledged before the command was given.
fn saved_while_the_leader_dies(old: &mut Cluster, writer: &Writer, backup: &Path) -> BTreeMap<String, i64> {
    let line = format!("snapshot save {} --endpoints {}", backup.display(), old.endpoint());
    let before = writer.so_far();
    let saving = conclave(line.split_whitespace()).spawn().expect("the program starts");
    let leader = old.leader().expect("a node leads");
    old.kill_node(leader);
    let output = finish(saving, &line);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(said.contains(" key") && said.contains(" at revision ") && said.lines().count() == 1, "{said}");
    old.start_node(leader);
    let again = complaint(&run(&line), "the file is there");
    assert!(again.contains("a backup overwrites nothing"), "{again}");
    assert!(!backup.with_extension("backup.part").exists());
    before
}

fn shows_what_it_holds(backup: &Path, keys_min: usize) {
    let status: Value =
        serde_json::from_str(&succeed(&format!("snapshot status {} --json", backup.display())))
            .expect("it is JSON");
    assert!(status["keys"].as_u64().expect("a number") >= keys_min as u64, "{status}");
    let damaged = backup.with_extension("damaged");
    let mut bytes = fs::read(backup).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, bytes).expect("it can be written");
    let found = complaint(&run(&format!("snapshot status {}", damaged.display())), "a flipped bit");
    assert!(found.contains("the backup is damaged: piece "), "{found}");
}

fn revisions_go_on(new: &Cluster, backup: &Path) {
    let saved: Value =
        serde_json::from_str(&succeed(&format!("snapshot status {} --json", backup.display())))
            .expect("it is JSON");
    let status = new.status();
    assert_ne!(status["cluster_id"], saved["cluster_id"], "it is another cluster");
    let put = runtime().block_on(client(&new.endpoint()).put("new", "1", PutOptions::default()));
    let revision = put.expect("it works").header.expect("a header").revision;
    assert_eq!(revision, saved["revision"].as_i64().expect("a number") + 1);
}

/// A node of the old cluster comes up at the address of one of the new: nobody listens to it.
fn an_old_node_is_refused(old: &mut Cluster, new: &mut Cluster, writer: Writer) {
    writer.stop();
    old.stop();
    new.kill_node(1);
    let stranger = format!(
        "node --id 1 --listen {} --peers {} --peers-override --data-dir {}",
        new.address(1),
        new.peers(),
        old.data_dir(1).display()
    );
    let stranger = Program::start(&stranger);
    eventually("the old node is refused", || {
        let status = new.status();
        let nodes = status["nodes"].as_array().cloned().unwrap_or_default();
        nodes.iter().any(|node| node["refused"].to_string().contains("other_cluster"))
    });
    let put = runtime().block_on(client(&new.endpoint()).put("still", "here", PutOptions::default()));
    put.expect("the other two go on");
    drop(stranger);
}

/// A save writes to a new file of its own: it follows no link, and leaves nobody else's file to be read.
fn what_is_in_its_way_is_not_written_to(backup: &Path, save: &str) {
    let part = backup.with_extension("backup.part");
    let precious = backup.with_extension("precious");
    fs::write(&precious, "precious").expect("it can be written");
    std::os::unix::fs::symlink(&precious, &part).expect("a link can be made");
    let said = complaint(&run(save), "a link in its way");
    assert!(said.contains("is no file that a save has left"), "{said}");
    assert_eq!(fs::read(&precious).expect("it is there"), b"precious");
    fs::remove_file(&part).expect("it can be taken away");
    fs::write(&part, "left by a save that was killed").expect("it can be written");
    fs::set_permissions(&part, Permissions::from_mode(0o666)).expect("it can be opened to all");
}

/// Two disks of three are lost. Since the first one was, every acknowledgement took the other two, so that each holds everything.
#[test]
fn the_disk_that_is_left_of_a_majority_makes_a_new_cluster() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let mut old = Cluster::new(&scratch.path().join("old"));
    old.start();
    let writer = Writer::start(&old.endpoint(), "left");
    writer.await_progress(200);
    let leader = old.leader().expect("a node leads");
    let others: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    let (lost, left) = ([others[0], leader], others[1]);
    old.kill_node(lost[0]);
    writer.await_progress(200);
    old.kill_node(lost[1]);
    let backup = scratch.path().join("left.backup");
    let save = format!("snapshot save {} --data-dir {}", backup.display(), old.data_dir(left).display());
    let running = complaint(&run(&save), "the node runs");
    assert!(running.contains("is in use by another process"), "{running}");
    old.kill_node(left);
    drop(old.proxy.take());
    let acknowledged = writer.stop();
    lost.iter().for_each(|id| fs::remove_dir_all(old.data_dir(*id)).expect("it is lost"));

    let files = || ["log.redb", "state.redb"].map(|file| fs::read(old.data_dir(left).join(file)).ok());
    let before = files();
    what_is_in_its_way_is_not_written_to(&backup, &save);
    let said = succeed(&save);
    let mode = fs::metadata(&backup).expect("it was written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "whatever was there before");
    println!("{said}");
    assert!(said.contains(&format!("it holds all entries of node {left} up to ")), "{said}");
    assert!(files() == before, "the directory stays as it is");
    let summary = succeed(&format!("snapshot status {}", backup.display()));
    assert!(summary.contains(&format!("by node {left}")), "{summary}");

    let mut new = Cluster::new(&scratch.path().join("new"));
    (1..=3).for_each(|id| drop(succeed(&new.restore(id, &backup))));
    new.start();
    expect_all(&new.endpoint(), &acknowledged);
    println!("{} acknowledged writes are there", acknowledged.len());
}

/// Where a node's data is looked for, and is not.
#[test]
fn a_wrong_directory_is_told_from_a_damaged_one() {
    use std::os::unix::{fs::PermissionsExt as _, process::CommandExt as _};

    let scratch = tempfile::tempdir().expect("a scratch directory");
    let parent = scratch.path().join("lib");
    let (port, directory) = (free_ports(1), parent.join("node"));
    let node = |directory: &Path| {
        let directory = directory.display();
        format!("node --id 1 --listen 127.0.0.1:{port} --peers 1=127.0.0.1:{port} --data-dir {directory}")
    };
    let running = Program::start(&node(&directory));
    eventually("the node has begun its files", || directory.join("state.redb").exists());
    let refused = |directory: &Path, expected: &str| {
        let line = format!("check {}", directory.display());
        let output = run(&line);
        let said = complaint(&output, &line);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    };
    refused(&directory, "is in use by another process");
    send_signal(running.pid(), Signal::SIGTERM);
    running.end();

    let here = directory.display();
    refused(&parent, &format!("there is no data directory here: {} has neither", parent.display()));
    refused(&parent, &format!("; {here} has them"));
    refused(&scratch.path().join("nothing"), "No such file or directory");
    for wrong in [parent.clone(), directory.join("node")] {
        let line = node(&wrong);
        let said = complaint(&run(&line), &line);
        assert!(said.contains("holds no data, but "), "{said}");
        assert!(said.contains(&format!("{here} holds that of node 1 of cluster conclave: name")), "{said}");
    }
    let line = format!("snapshot save x.backup --data-dir {}", parent.display());
    let said = complaint(&run(&line), &line);
    assert!(said.contains("there is no data directory here"), "{said}");

    // Only root can become somebody else.
    if nix::unistd::geteuid().is_root() {
        let open_to_all = fs::Permissions::from_mode(0o755);
        for directory in [scratch.path(), &parent, &directory] {
            fs::set_permissions(directory, open_to_all.clone()).expect("it can be opened");
        }
        let line = format!("check {here}");
        let mut command = conclave(line.split_whitespace());
        let output = finish(command.uid(65_534).spawn().expect("it starts"), &line);
        let said = complaint(&output, &line);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("/LOCK belongs to user root, and this runs as nobody"), "{said}");
        assert!(said.contains("run it as root, or give it to nobody ('chown -R nobody'"), "{said}");
    }
}

/// A node whose keys were written again and again, then deleted, and their past given up.
#[test]
fn a_stopped_node_is_checked_and_made_smaller() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let mut cluster = Cluster::new(scratch.path());
    cluster.start();
    let revision = runtime().block_on(async {
        let client = client(&cluster.endpoint());
        let value = vec![7; 100_000];
        for number in 0..150 {
            client
                .put(format!("k{}", number % 60), value.clone(), PutOptions::default())
                .await
                .expect("it works");
        }
        let options = conclave::client::DeleteOptions { range_end: "l".into(), ..Default::default() };
        client.delete("k", options).await.expect("it works").header.expect("a header").revision
    });
    succeed(&format!("compact {revision} --endpoints {}", cluster.endpoint()));
    let put = runtime().block_on(client(&cluster.endpoint()).put("last", "one", PutOptions::default()));
    let last = put.expect("it works").header.expect("a header").revision;
    let directory = cluster.data_dir(2);
    let (check, defrag) =
        (format!("check {}", directory.display()), format!("defrag {}", directory.display()));
    for line in [&check, &defrag] {
        let running = complaint(&run(line), "the node runs");
        assert!(running.contains("is in use by another process"), "{running}");
    }
    cluster.stop();
    let said = succeed(&check);
    assert!(said.starts_with("sound: node 2 of cluster conclave: term "), "{said}");
    // As one leaves it that was killed.
    fs::create_dir(directory.join("defrag.part")).expect("it can be made");
    fs::write(directory.join("defrag.part/state.redb"), "half").expect("it can be written");
    let bytes = |file: &str| fs::metadata(directory.join(file)).expect("it is there").len();
    let before = bytes("state.redb");
    let said = succeed(&defrag);
    println!("{said}");
    assert!(said.contains("state.redb: ") && said.lines().count() == 2, "{said}");
    assert!(bytes("state.redb") < before, "{said}");
    assert!(!directory.join("defrag.part").exists());
    let again = succeed(&check);
    assert!(again.starts_with("sound: "), "{again}");
    a_flipped_bit_is_found(&directory);

    cluster.start();
    expect_one(&cluster, "last", last);
}

fn expect_one(cluster: &Cluster, key: &'static str, revision: i64) {
    let got = runtime().block_on(client(&cluster.endpoint()).get(key, GetOptions::default()));
    assert_eq!(got.expect("it works").kvs[0].mod_revision, revision);
}

fn a_flipped_bit_is_found(directory: &Path) {
    let damaged = directory.with_extension("damaged");
    fs::create_dir(&damaged).expect("it can be made");
    for file in ["log.redb", "state.redb"] {
        fs::copy(directory.join(file), damaged.join(file)).expect("it can be copied");
    }
    let line = format!("check {}", damaged.display());
    succeed(&line);
    let mut bytes = fs::read(damaged.join("state.redb")).expect("it can be read");
    let place = bytes.windows(4).position(|bytes| bytes == b"last").expect("the key is there");
    bytes[place] ^= 4;
    fs::write(damaged.join("state.redb"), bytes).expect("it can be written");
    let output = run(&line);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("damaged: state.redb: block "), "{said}");
    let refused = complaint(&run(&format!("defrag {}", damaged.display())), "it is damaged");
    assert!(refused.contains("nothing was changed"), "{refused}");
    let json = run(&format!("{line} --json"));
    let json: Value = serde_json::from_slice(&json.stdout).expect("it is JSON");
    assert_eq!((json["sound"].as_bool(), json["findings"].as_array().map(Vec::len)), (Some(false), Some(1)));
}

/// Another backup is under way, of a view that was shown before the write: the second one must not be content with that.
#[test]
fn a_backup_misses_nothing_that_was_acknowledged_while_another_is_under_way() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let up = Up::start(&scratch.path().join("data"));
    let client = client(&up.endpoint);
    runtime().block_on(async {
        let value = vec![1; 1_000_000];
        for number in 0..30 {
            client
                .put(format!("large-{number}"), value.clone(), PutOptions::default())
                .await
                .expect("it works");
        }
        let mut stalled = client.backup().await.expect("it begins");
        stalled.message().await.expect("it goes on").expect("there is more");
        client.put("late", "acknowledged", PutOptions::default()).await.expect("it works");
        let mut second = client.backup().await.expect("it begins");
        let mut bytes = Vec::new();
        while let Some(piece) = second.message().await.expect("it goes on") {
            bytes.extend_from_slice(&piece.blob);
        }
        let is_there = |what: &[u8]| bytes.windows(what.len()).any(|bytes| bytes == what);
        assert!(is_there(b"acknowledged"), "it was acknowledged before the backup was asked for");
        assert_eq!(bytes.len() % 512, 32);
        drop(stalled);
    });
}

/// A backup is everything at once: it is not for whoever may read a key.
#[test]
fn a_backup_takes_the_certificate_of_an_operator() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let (base_port, data) = (free_ports(4), scratch.path().join("data"));
    let endpoint = format!("127.0.0.1:{}", base_port + 3);
    let line = format!("up --tls --listen {endpoint} --base-port {base_port} --data-dir {}", data.display());
    let mut up = Program::start(&line);
    let lines = up.lines();
    while !lines.recv_timeout(PATIENCE).expect("'up' gets ready in time").contains("leads") {}
    let save = |who: &str| {
        let (tls, backup) = (data.join("tls"), scratch.path().join(format!("{who}.backup")));
        let tls = tls.display();
        format!(
            "snapshot save {} --endpoints {endpoint} --tls-ca {tls}/ca.crt --tls-cert {tls}/{who}.crt --tls-key {tls}/{who}.key",
            backup.display()
        )
    };
    succeed(&save("operator-local"));
    let refused = complaint(&run(&save("client-local")), "a client");
    assert!(refused.contains("may not ask this"), "{refused}");
    assert!(!scratch.path().join("client-local.backup").exists());
    assert!(!scratch.path().join("client-local.backup.part").exists());
    send_signal(up.pid(), Signal::SIGTERM);
    up.end();
}
