//! The programs as their users meet them: what they say when something is wrong, and a session from start to end.
#![cfg(all(unix, not(madsim)))]

mod programs;

use std::{net::TcpListener, path::Path, process::Command};

use nix::sys::signal::Signal;
use programs::*;

/// The complaint of a command line that is wrong.
fn complaint_about(line: &str) -> String {
    complaint(&run(line), line)
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is missing: {text}");
    }
}

fn node_line(id: u64, port: u16, data_dir: &Path, more: &str) -> String {
    let data_dir = data_dir.display();
    format!(
        "node --id {id} --listen 127.0.0.1:{port} --peers {id}=127.0.0.1:{port} --data-dir {data_dir} {more}"
    )
}

/// A node of its own that serves.
fn start_node(line: &str, data_dir: &Path) -> Program {
    let node = Program::start(line);
    eventually("the node has its data", || data_dir.join("state.redb").exists());
    node
}

#[test]
fn a_wrong_command_line_is_misuse_and_says_what_would_be_right() {
    for (line, expected) in [
        ("", "usage: conclave <COMMAND>"),
        ("pit a b", "'put'"),
        ("get k --prefx", "'--prefix'"),
        ("put k", "<VALUE>"),
        ("get k --limit 0", "--limit"),
        ("up --nodes 2", "1, 3, 5, 7 or 9"),
        ("up --base-port 65535", "choose a lower port"),
        ("up --listen 127.0.0.1:23792", "among the ports of the nodes"),
        ("put k v --endpoints localhost", "the port is missing"),
        ("put k v --endpoints http://", "not an address"),
        ("put k v --timeout soon", "no unit of time"),
        (
            "node --id 4 --listen 127.0.0.1:1 --peers 1=a:1 --data-dir d",
            "as 4=HOST:PORT by which the others reach it",
        ),
        ("node --id 1 --listen 127.0.0.1:1 --peers 1=a:1,1=b:1 --data-dir d", "node 1 twice"),
        ("node --id 1 --listen 127.0.0.1:1 --peers a:1 --data-dir d", "write it as N=host:port"),
        ("node --id 1 --listen 127.0.0.1:1 --peers 1=a --data-dir d", "the port is missing"),
        ("proxy", "--nodes"),
        ("proxy --nodes a:1,a:1", "a:1 twice"),
        ("bench --op sing", "[possible values: put, get, mixed]"),
        ("bench --interval 100ms", "whole seconds"),
        ("bench --compare 127.0.0.1:2379", "among --endpoints, too"),
        ("bench --turns 2", "--compare"),
        ("bench --op get --breakdown 127.0.0.1:1", "--breakdown is of puts"),
    ] {
        let output = run(line);
        has(&complaint(&output, line), &[expected]);
        assert_eq!(output.status.code(), Some(2), "{line}");
    }
}

#[test]
fn every_command_shows_examples() {
    for command in [
        "up", "node", "proxy", "client", "put", "get", "del", "compact", "alarm", "status", "member",
        "transfer", "bench",
    ] {
        has(&succeed(&format!("{command} --help")), &["EXAMPLES", &format!("conclave {command}")]);
    }
}

#[test]
fn a_port_in_use_is_named_before_anything_starts() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().display();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("it has an address").port();
    let address = format!("127.0.0.1:{port}");

    let node = node_line(1, port, &directory.path().join("node"), "");
    has(&complaint_about(&node), &[&address, "choose another port"]);
    has(
        &complaint_about(&format!("proxy --listen {address} --nodes 127.0.0.1:1")),
        &[&address, "choose another port"],
    );
    let up = format!("up --nodes 1 --data-dir {path}/up --base-port {}", free_ports(1));
    has(&complaint_about(&format!("{up} --listen {address}")), &["the proxy", &address, "--listen"]);
    let up = format!("up --nodes 1 --data-dir {path}/up --listen 127.0.0.1:{}", free_ports(1));
    has(&complaint_about(&format!("{up} --base-port {port}")), &["node 1", &address, "--base-port"]);
    assert!(!directory.path().join("up").exists(), "nothing was started");
}

#[test]
fn a_data_directory_serves_one_process_of_one_node_of_one_cluster() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("node-1");
    let port = free_ports(2);
    let node = start_node(&node_line(1, port, &data, ""), &data);

    has(&complaint_about(&node_line(1, port + 1, &data, "")), &["in use by another process", "--data-dir"]);
    send_signal(node.pid(), Signal::SIGTERM);
    assert!(node.end().success(), "SIGTERM is a clean end");

    has(&complaint_about(&node_line(2, port, &data, "")), &["belongs to node 1", "not to node 2"]);
    let other_cluster = node_line(1, port, &data, "--cluster other");
    has(&complaint_about(&other_cluster), &["cluster \"conclave\"", "cluster \"other\""]);
}

#[test]
fn a_data_directory_that_cannot_be_is_explained() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    has(&complaint_about(&node_line(1, free_ports(1), file.path(), "")), &["cannot use the data directory"]);
}

#[test]
fn an_unreachable_cluster_is_reported_in_time() {
    let port = free_ports(1);
    for command in ["put k v", "get k", "del k", "status", "bench --seconds 1"] {
        let line = format!("{command} --timeout 500ms --endpoints 127.0.0.1:{port}");
        has(&complaint_about(&line), &["cannot reach", &format!("127.0.0.1:{port}"), "conclave up"]);
    }
}

#[test]
fn without_a_majority_a_write_fails_in_time_and_says_whether_it_happened() {
    let ports = free_ports(2);
    let proxy = format!("127.0.0.1:{ports}");
    let _proxy =
        Program::start(&format!("proxy --listen {proxy} --nodes 127.0.0.1:{} --patience 300ms", ports + 1));
    eventually("the proxy listens", || std::net::TcpStream::connect(&proxy).is_ok());
    has(&complaint_about(&format!("put k v --endpoints {proxy} --timeout 2s")), &["nothing was sent"]);
}

#[test]
fn a_session_from_up_to_ctrl_c() {
    let directory = tempfile::tempdir().expect("a directory");
    let up = Up::start(directory.path());
    assert_eq!(up.children.len(), 4);

    assert_eq!(up.succeed("put greeting hello"), "ok, revision 2\n");
    assert_eq!(up.succeed("get greeting"), "greeting\thello\n");
    up.succeed("put greet hi");
    assert_eq!(up.succeed("get greet --prefix"), "greet\thi\ngreeting\thello\n");
    assert_eq!(up.succeed("get greet --prefix --count-only"), "2\n");
    assert_eq!(up.succeed("del greet --prefix"), "deleted 2, revision 4\n");
    let missing = format!("get greeting --endpoints {}", up.endpoint);
    has(&complaint_about(&missing), &["no such key: 'greeting'"]);

    the_past_can_be_given_up(&up);
    limits_are_explained(&up.endpoint);
    status_tells_of_every_node(&up);
    the_shell_answers_every_line(&up.endpoint);
    #[cfg(target_os = "linux")]
    what_cannot_be_written_is_no_success(&up.endpoint);
    a_proxy_that_reaches_no_leader_is_left(&up.endpoint);
    a_benchmark_fails_nowhere(&up);
    benchmarks_are_compared(&up);

    send_signal(up.program.pid(), Signal::SIGINT);
    eventually("Ctrl+C ends every child", || !up.has_living_children());
    eventually("and 'up' itself", || !is_alive(up.program.pid()));
}

fn the_past_can_be_given_up(up: &Up) {
    assert_eq!(up.succeed("compact 3"), "compacted revision 3\n");
    let again = format!("compact 3 --endpoints {}", up.endpoint);
    has(&complaint_about(&again), &["required revision has been compacted"]);
    assert_eq!(up.succeed("alarm list"), "");
}

fn limits_are_explained(endpoint: &str) {
    let long = "k".repeat(32 * 1024 + 1);
    has(&complaint_about(&format!("put {long} v --endpoints {endpoint}")), &["32769 bytes, at most 32768"]);
    let empty = conclave(["put", "", "v", "--endpoints", endpoint]).spawn().expect("the program starts");
    has(&complaint(&finish(empty, "an empty key"), "an empty key"), &["key is not provided"]);
    // The operating system limits one argument to 128 KiB, so a large value comes from the shell's input.
    let large = "v".repeat(1536 * 1024 + 1);
    let output = run_fed(&format!("client --endpoints {endpoint}"), &format!("put large {large}\n"));
    has(&text(&output.stderr), &["error: ", "1572865 bytes, at most 1572864"]);
}

fn status_tells_of_every_node(up: &Up) {
    let status: serde_json::Value = serde_json::from_str(&up.succeed("status --json")).expect("it is JSON");
    let nodes = status["nodes"].as_array().expect("a list");
    assert_eq!(nodes.len(), 3);
    let leaders: Vec<_> = nodes.iter().filter(|node| node["role"] == "leader").collect();
    assert_eq!(leaders.len(), 1, "{status}");
    assert_eq!(leaders[0]["node"], status["leader"]);
    assert!(nodes.iter().all(|node| node["reachable"] == true), "{status}");
    has(
        &up.succeed("status"),
        &["node", "role", "term", "commit", "applied", "leader", "reachable", "follower"],
    );
}

fn the_shell_answers_every_line(endpoint: &str) {
    let lines =
        "put k 'two words'\nget k\n\nput k\nget nothing\nstauts\nput 'open\nhelp\nquit\nput k never\n";
    let output = run_fed(&format!("client --endpoints {endpoint}"), lines);
    assert_eq!(output.status.code(), Some(1), "wrong lines do not end the shell, and are not forgotten");
    has(&text(&output.stdout), &["ok, revision", "k\ttwo words", "Store a value under a key"]);
    let complaints = text(&output.stderr);
    has(&complaints, &["<VALUE>", "no such key: 'nothing'", "did you mean 'status'?", "left open"]);
    assert!(complaints.lines().all(|line| line.starts_with("error: ")), "{complaints}");
    assert_eq!(succeed(&format!("get k --endpoints {endpoint}")), "k\ttwo words\n");
    assert!(run_fed(&format!("client --endpoints {endpoint}"), "get k\n").status.success());
}

/// A dump on a full disk must not look like one.
#[cfg(target_os = "linux")]
fn what_cannot_be_written_is_no_success(endpoint: &str) {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let arguments = format!("get k --endpoints {endpoint}");
    let output = Command::new(env!("CARGO_BIN_EXE_conclave"))
        .args(arguments.split(' '))
        .stdout(full)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    has(&text(&output.stderr), &["not all of the output is there", "No space left on device"]);
}

/// Found by chaos on real processes: a client stayed with a proxy that was cut off together with the former leader.
fn a_proxy_that_reaches_no_leader_is_left(endpoint: &str) {
    let (dead, blind) = (free_ports(1), free_ports(1));
    let _proxy = Program::start(&format!("proxy --listen 127.0.0.1:{blind} --nodes 127.0.0.1:{dead}"));
    eventually("the blind proxy answers", || {
        text(&run(&format!("put x 1 --endpoints 127.0.0.1:{blind} --timeout 300ms")).stderr)
            .contains("no leader")
    });
    let line = format!("client --endpoints 127.0.0.1:{blind},{endpoint} --timeout 1s");
    let output = run_fed(&line, "put left 1\nput left 2\nget left\n");
    let (said, complaints) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(complaints.matches("no leader").count(), 1, "{said}{complaints}");
    has(&said, &["left\t2"]);
}

fn a_benchmark_fails_nowhere(up: &Up) {
    let line = "bench --op mixed --seconds 1 --warmup 100ms --clients 16 --connections 2 --keys 50 --json";
    let report: serde_json::Value = serde_json::from_str(&up.succeed(line)).expect("it is JSON");
    assert_eq!(report["failures"], serde_json::json!({}), "{report}");
    assert!(report["operations_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{report}");
    for kind in ["put", "get"] {
        let latencies = &report["latency_ms"][kind];
        assert!(latencies["p50"].as_f64() <= latencies["max"].as_f64(), "{report}");
    }
    assert_eq!(report["timeline"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(report["silent_seconds"], 0, "{report}");
}

/// A cluster with itself, through two proxies.
fn benchmarks_are_compared(up: &Up) {
    let port = free_ports(1);
    let bench = "bench --seconds 1 --warmup 100ms --clients 4 --connections 1 --keys 10";
    let nobody = format!("{bench} --endpoints {} --compare 127.0.0.1:{port}", up.endpoint);
    has(&complaint_about(&nobody), &["--compare: cannot reach", &format!("127.0.0.1:{port}")]);

    let proxy: u16 = up.endpoint.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let nodes = [3, 2, 1].map(|back| format!("127.0.0.1:{}", proxy - back)).join(",");
    let _proxy = Program::start(&format!("proxy --listen 127.0.0.1:{port} --nodes {nodes}"));
    let other = format!("127.0.0.1:{port}");
    let answers = || text(&run(&format!("get nothing --endpoints {other}")).stderr).contains("no such key");
    eventually("the other proxy answers", answers);
    let pids = up.children.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let line = format!("{bench} --compare {other} --turns 2 --json --cpu-of {pids}");
    let report: serde_json::Value = serde_json::from_str(&up.succeed(&line)).expect("it is JSON");
    let figure = |name: &str| {
        let figures = report["figures"].as_array().into_iter().flatten();
        figures.clone().find(|figure| figure["figure"] == name).unwrap_or_else(|| panic!("{name}: {report}"))
    };
    assert!(figure("operations/s")["ratio"].as_f64().is_some_and(|ratio| ratio > 0.0), "{report}");
    assert!(figure("processor us/operation")["median"].as_f64().is_some(), "{report}");
    assert_eq!(figure("processor us/operation")["median_compared"], serde_json::Value::Null, "{report}");
    for side in ["side", "compared"] {
        assert_eq!(report[side]["turns"].as_array().map(Vec::len), Some(2), "{report}");
    }
}

#[test]
fn up_goes_on_with_its_data_and_tells_of_a_dead_child() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = Up::start(directory.path());
    first.succeed("put kept value");
    let again = format!("up --nodes 5 --data-dir {}", directory.path().display());
    let ports = free_ports(6);
    let again = format!("{again} --base-port {ports} --listen 127.0.0.1:{}", ports + 5);
    has(&complaint_about(&again), &["holds a cluster of 3 nodes", "--nodes 3"]);

    send_signal(first.children[0], Signal::SIGKILL);
    let obituary = loop {
        let line = first.lines.recv_timeout(PATIENCE).expect("'up' tells of it in time");
        if line.contains("ended") {
            break line;
        }
    };
    has(&obituary, &["node 1", "SIGKILL", "start it again: ", "node --id 1 --listen"]);
    assert_eq!(first.succeed("get kept"), "kept\tvalue\n");

    send_signal(first.program.pid(), Signal::SIGTERM);
    eventually("SIGTERM ends every child", || !first.has_living_children());
    let second = Up::start(directory.path());
    assert_eq!(second.succeed("get kept"), "kept\tvalue\n");
    send_signal(second.program.pid(), Signal::SIGTERM);
    eventually("SIGTERM ends every child", || !second.has_living_children());

    for id in [1, 3] {
        let kept = directory.path().join(format!("node-{id}"));
        std::fs::rename(&kept, directory.path().join(format!("kept-{id}"))).expect("it is moved away");
    }
    let again = format!("up --data-dir {} --base-port {ports}", directory.path().display());
    has(&complaint_about(&again), &["node-1, node-3 of it are missing", "without a majority"]);
}

#[test]
fn children_do_not_outlive_an_up_that_is_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let up = Up::start(directory.path());
    assert!(up.has_living_children());
    send_signal(up.program.pid(), Signal::SIGKILL);
    eventually("every child is gone", || !up.has_living_children());
}
