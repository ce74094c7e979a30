//! etcd's own client against our proxy: the API is etcd's, with etcd's revisions.
#![cfg(all(unix, not(madsim)))]

mod programs;

use std::process::Command;

use programs::*;
use serde_json::Value;

/// Runs etcdctl and returns what it prints.
fn etcdctl(up: &Up, arguments: &[&str]) -> String {
    etcdctl_at(&up.endpoint, arguments).unwrap_or_else(|error| panic!("etcdctl {arguments:?}: {error}"))
}

/// Runs etcdctl and returns what it prints, or what it complains of.
fn etcdctl_at(endpoint: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("etcdctl");
    command.env("ETCDCTL_API", "3").args(["--endpoints", endpoint]).args(arguments);
    let output = command.output().expect("etcdctl runs");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    if output.status.success() { Ok(stdout) } else { Err(stderr) }
}

fn refused(endpoint: &str, arguments: &[&str], words: &str) {
    let complaint = etcdctl_at(endpoint, arguments).expect_err("it is refused");
    assert!(complaint.contains(words), "etcdctl {arguments:?}: {complaint}");
}

fn json(up: &Up, arguments: &[&str]) -> Value {
    let said = etcdctl(up, &[arguments, &["-w", "json"]].concat());
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{said}: {error}"))
}

fn revision(answer: &Value) -> i64 {
    answer["header"]["revision"].as_i64().expect("an answer has a revision")
}

/// Create revision, mod revision and version of the one pair in an answer.
fn history_of(answer: &Value) -> [i64; 3] {
    let pair = &answer["kvs"][0];
    ["create_revision", "mod_revision", "version"].map(|name| pair[name].as_i64().unwrap_or_default())
}

fn is_installed() -> bool {
    let installed = Command::new("etcdctl").arg("version").output().is_ok();
    if !installed {
        assert!(
            std::env::var_os("CONCLAVE_TEST_ALL").is_none(),
            "etcdctl is not installed: install etcd-client"
        );
        println!("SKIPPED: etcdctl is not installed, so nothing was tested; install the package etcd-client");
    }
    installed
}

#[test]
fn etcdctl_puts_gets_and_deletes_with_the_right_revisions() {
    if !is_installed() {
        return;
    }
    let directory = tempfile::tempdir().expect("a scratch directory");
    let up = Up::start(directory.path());

    assert_eq!(etcdctl(&up, &["put", "fruit/apple", "red"]), "OK\n");
    let first = revision(&json(&up, &["get", "fruit/apple"]));
    assert_eq!(first, 2, "the first write makes revision 2, as in etcd");
    assert_eq!(etcdctl(&up, &["get", "fruit/apple"]), "fruit/apple\nred\n");
    assert_eq!(etcdctl(&up, &["get", "fruit/apple", "--print-value-only"]), "red\n");

    etcdctl(&up, &["put", "fruit/apple", "green"]);
    etcdctl(&up, &["put", "fruit/cherry", "dark"]);
    etcdctl(&up, &["put", "fruit/banana", "yellow"]);
    let apple = json(&up, &["get", "fruit/apple"]);
    assert_eq!(history_of(&apple), [first, first + 1, 2]);
    assert_eq!(revision(&apple), first + 3);

    prefixes_are_read_in_order(&up);
    old_revisions_stay_readable(&up, first);
    deletes_count_and_make_one_revision(&up, first + 3);
}

fn prefixes_are_read_in_order(up: &Up) {
    let keys = |more: &[&str]| etcdctl(up, &[&["get", "fruit/", "--prefix", "--keys-only"], more].concat());
    let names = |said: String| said.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(keys(&[])), ["fruit/apple", "fruit/banana", "fruit/cherry"]);
    assert_eq!(names(keys(&["--limit", "2"])), ["fruit/apple", "fruit/banana"]);
    let descending = keys(&["--order", "DESCEND", "--sort-by", "KEY"]);
    assert_eq!(names(descending), ["fruit/cherry", "fruit/banana", "fruit/apple"]);
    let pairs = etcdctl(up, &["get", "fruit/", "--prefix"]);
    assert_eq!(pairs, "fruit/apple\ngreen\nfruit/banana\nyellow\nfruit/cherry\ndark\n");
    let range = etcdctl(up, &["get", "fruit/apple", "fruit/c", "--keys-only"]);
    assert_eq!(names(range), ["fruit/apple", "fruit/banana"]);
    assert_eq!(json(up, &["get", "fruit/", "--prefix", "--limit", "1"])["count"], 3);
}

fn old_revisions_stay_readable(up: &Up, first: i64) {
    let at = |revision: i64| etcdctl(up, &["get", "fruit/", "--prefix", "--rev", &revision.to_string()]);
    assert_eq!(at(first), "fruit/apple\nred\n");
    assert_eq!(at(first + 1), "fruit/apple\ngreen\n");
}

fn deletes_count_and_make_one_revision(up: &Up, before: i64) {
    assert_eq!(etcdctl(up, &["del", "fruit/apple"]), "1\n");
    assert_eq!(etcdctl(up, &["del", "fruit/apple"]), "0\n");
    assert_eq!(etcdctl(up, &["get", "fruit/apple"]), "");
    assert_eq!(etcdctl(up, &["del", "fruit/", "--prefix"]), "2\n");
    assert_eq!(
        revision(&json(up, &["get", "fruit/apple"])),
        before + 2,
        "a delete of nothing makes no revision"
    );
    etcdctl(up, &["put", "fruit/apple", "again"]);
    let again = json(up, &["get", "fruit/apple"]);
    assert_eq!(history_of(&again), [before + 3, before + 3, 1], "a key that comes back starts anew");
}

#[test]
fn etcdctl_compacts_and_reads_no_further_back() {
    if !is_installed() {
        return;
    }
    let directory = tempfile::tempdir().expect("a scratch directory");
    let up = Up::start(directory.path());
    for value in ["1", "2", "3", "4"] {
        etcdctl(&up, &["put", "k", value]);
    }
    assert_eq!(etcdctl(&up, &["compact", "4"]), "compacted revision 4\n");
    assert_eq!(etcdctl(&up, &["get", "k", "--rev", "4"]), "k\n3\n");
    assert_eq!(etcdctl(&up, &["get", "k"]), "k\n4\n");
    let (compacted, future) =
        ("required revision has been compacted", "required revision is a future revision");
    refused(&up.endpoint, &["get", "k", "--rev", "3"], compacted);
    refused(&up.endpoint, &["compact", "4"], compacted);
    refused(&up.endpoint, &["compact", "6"], future);
    assert_eq!(etcdctl(&up, &["compact", "5", "--physical"]), "compacted revision 5\n");
    refused(&up.endpoint, &["get", "k", "--rev", "4"], compacted);
    assert_eq!(etcdctl(&up, &["get", "k", "--rev", "5"]), "k\n4\n");
    assert_eq!(etcdctl(&up, &["alarm", "list"]), "");
}

/// A node and a proxy, the state of which may have this many bytes.
fn small_cluster(directory: &std::path::Path, quota_bytes: u64) -> (String, [Program; 2]) {
    let port = free_ports(2);
    let (node, endpoint) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", port + 1));
    let directory = directory.display();
    let node_line = format!(
        "node --id 1 --listen {node} --peers 1={node} --data-dir {directory} --quota-backend-bytes {quota_bytes}"
    );
    let programs =
        [node_line, format!("proxy --listen {endpoint} --nodes {node}")].map(|line| Program::start(&line));
    eventually("it serves", || etcdctl_at(&endpoint, &["put", "first", "1"]).is_ok());
    (endpoint, programs)
}

#[test]
fn a_full_state_is_made_room_in_as_etcds_is() {
    if !is_installed() {
        return;
    }
    let directory = tempfile::tempdir().expect("a scratch directory");
    let (endpoint, _programs) = small_cluster(directory.path(), 20_000);
    let value = "v".repeat(3_000);
    let exceeded = "etcdserver: mvcc: database space exceeded";
    eventually("the quota is exceeded", || {
        etcdctl_at(&endpoint, &["put", "large", &value]).is_err_and(|error| error.contains(exceeded))
    });
    let etcdctl = |arguments: &[&str]| etcdctl_at(&endpoint, arguments).expect("etcdctl works");
    assert_eq!(etcdctl(&["alarm", "list"]), "memberID:1 alarm:NOSPACE \n");
    assert_eq!(succeed(&format!("alarm list --endpoints {endpoint}")), "node 1 raised NOSPACE\n");
    refused(&endpoint, &["put", "small", "1"], exceeded);
    assert_eq!(etcdctl(&["get", "first"]), "first\n1\n");
    assert_eq!(etcdctl(&["del", "large"]), "1\n");

    // It is still too large: the alarm comes back.
    etcdctl(&["alarm", "disarm"]);
    eventually("the alarm is raised again", || etcdctl(&["alarm", "list"]).contains("NOSPACE"));

    let answer: Value = serde_json::from_str(&etcdctl(&["get", "first", "-w", "json"])).expect("JSON");
    let now = revision(&answer).to_string();
    etcdctl(&["compact", &now]);
    assert_eq!(succeed(&format!("alarm disarm --endpoints {endpoint}")), "node 1 raised NOSPACE\n");
    assert_eq!(etcdctl(&["alarm", "list"]), "");
    assert_eq!(etcdctl(&["put", "small", "1"]), "OK\n");
}

/// etcdctl looks for the hash at the end, and keeps what it gets: our backup.
#[test]
fn etcdctl_saves_a_snapshot() {
    if !is_installed() {
        return;
    }
    let directory = tempfile::tempdir().expect("a scratch directory");
    let up = Up::start(&directory.path().join("data"));
    etcdctl(&up, &["put", "fruit/apple", "red"]);
    let backup = directory.path().join("etcd.backup").display().to_string();
    let said = etcdctl(&up, &["snapshot", "save", &backup]);
    assert!(said.contains("Snapshot saved at"), "{said}");
    let status: Value =
        serde_json::from_str(&succeed(&format!("snapshot status {backup} --json"))).expect("it is JSON");
    assert_eq!((status["keys"].as_u64(), status["revision"].as_i64()), (Some(1), Some(2)), "{status}");
}
