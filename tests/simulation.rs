//! The simulation suite: known seeds, fresh seeds, and the promise that a seed is one history wherever it runs.
//!
//! The simulated world is another build of the same code, so these tests run `cargo sim`, as a person would.

mod simulator;

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use simulator::{cargo, told};

/// Seeds whose runs are the same on every machine and every day.
const KNOWN_SEEDS: [&str; 4] = ["--seed", "1", "--seeds", "60"];
/// They reach so many, of 130 and more.
const PROBES_MIN: usize = 90;
/// Seeds that nobody ran before.
const FRESH_SEEDS: [&str; 2] = ["--seeds", "60"];
/// The exit code of a stored scenario that does not reach what it is kept for.
const STALE: i32 = 3;
/// Seeds whose traces are compared.
const REPLAYED: std::ops::Range<u64> = 1_000..1_020;

#[test]
fn known_seeds_are_green_and_reach_most_probes() {
    let summary = expect_green("run", &KNOWN_SEEDS);
    let probes = summary.lines().find_map(|line| line.strip_prefix("probes "));
    let reached = probes.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    assert!(reached.is_some_and(|reached| reached >= PROBES_MIN), "{reached:?} probes were reached");
    assert!(summary.contains("in another process and order: all the same"), "no run was repeated");
}

#[test]
fn fresh_seeds_are_green() {
    drop(expect_green("run", &FRESH_SEEDS));
}

/// Most disks are damaged: nothing is promised but that nobody is told anything wrong, and that who finds damage stops.
#[test]
fn beyond_what_the_system_bears_no_answer_is_wrong() {
    expect_green("run", &["--beyond", "--seeds", "30", "--no-shrink"]);
}

/// Every scenario that ever failed, minimised, with its story ("about"). Each still reaches the rare states that it is kept for.
#[test]
fn the_corpus_is_green() {
    let corpus = std::fs::read_dir("sim/corpus").expect("the corpus is part of the repository");
    let mut scenarios: Vec<String> =
        corpus.map(|file| file.expect("a file has a name").path().display().to_string()).collect();
    scenarios.sort();
    for scenario in &scenarios {
        let output = cargo("sim", &["replay", "--quiet", scenario]);
        println!("{scenario}: {}", told(&output));
        let text = std::fs::read_to_string(scenario).expect("it was found");
        for (field, what) in [("reaches", "which probes it is kept for"), ("story", "what happens in it")] {
            assert!(text.contains(&format!("\"{field}\"")), "{scenario} does not say {what}");
        }
        assert_ne!(output.status.code(), Some(STALE), "{scenario} is stale: cargo sim refresh {scenario}");
        assert!(output.status.success(), "{scenario} failed; replay it with: cargo sim replay {scenario}");
    }
}

#[test]
fn a_seed_has_one_trace_alone_in_a_batch_and_in_another_process() {
    let forth: Vec<String> = REPLAYED.map(|seed| seed.to_string()).collect();
    let back: Vec<String> = forth.iter().rev().cloned().collect();
    let batch = hashes(&forth);
    let mut after_other_seeds = hashes(&back);
    after_other_seeds.reverse();
    let alone: Vec<String> = forth.iter().flat_map(|seed| hashes(std::slice::from_ref(seed))).collect();
    assert_eq!(batch.len(), forth.len());
    assert_eq!(batch, after_other_seeds, "a seed's trace depends on the seeds before it");
    assert_eq!(batch, alone, "a seed's trace depends on its process");
}

#[test]
fn the_testbed_and_the_simulated_transport_keep_their_own_promises() {
    let output = cargo("sim-test", &["--quiet"]);
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn what_would_run_nothing_is_refused_in_one_line() {
    for (arguments, told) in [
        (&["--seeds", "0"][..], "error: --seeds 0 runs nothing: give at least 1"),
        (&["--time", "0s"], "error: --time 0 runs nothing: give at least 1s"),
        (&["run", "--jobs", "0"], "error: --jobs 0 runs nothing: give at least 1"),
        (&["shrink", "1"], "error: 1 is green: there is nothing to shrink"),
        (
            &["replay", "abc"],
            "error: abc is neither a seed nor a file that can be read: No such file or directory (os error 2)",
        ),
        (&["replay", "1", "--node", "99"], "error: --node 99: the scenario has no such node"),
        (&["replay", "1", "--from", "30", "--to", "2"], "error: --from 30 is later than --to 2"),
        (
            &["shrink", "1", "--time", "soon"],
            "error: --time soon: a time is a number and a unit, as in 90s, 10m, 1h",
        ),
        (
            &["replay", "Cargo.toml", "--version", "0000002a"],
            "error: --version is of seeds: a file holds its scenario, whatever the version",
        ),
        (&["replay", "Cargo.toml"], "error: Cargo.toml holds no scenario: expected value at line 1 column 2"),
    ] {
        let output = program(arguments).wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), told);
    }
}

#[test]
fn a_seed_of_another_version_is_refused_with_both_versions() {
    for command in ["replay", "shrink", "repeat"] {
        let output = program(&[command, "42", "--version", "0000002a"]).wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(2), "{command}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            told.starts_with("error: seed 42 of version 0000002a may be another scenario here: "),
            "{told}"
        );
        assert_eq!(told.trim_end().lines().count(), 1, "{told}");
    }
}

#[test]
fn shards_have_all_seeds_together_and_their_results_are_merged() {
    let folder = tempfile::tempdir().expect("a folder for results");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let shards = ["1/2", "2/2"].map(|shard| {
        let results = file(&shard.replace('/', "-of-"));
        let arguments = ["--seed", "500", "--seeds", "5", "--no-shrink", "--shard", shard, "--out", &results];
        let output = program(&arguments).wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", told(&output));
        results
    });
    let merged = |files: &[&String]| {
        let page = file("page.html");
        let files = files.iter().map(|file| file.as_str());
        let arguments: Vec<&str> = ["merge", "--html", &page].into_iter().chain(files).collect();
        let output = program(&arguments).wait_with_output().expect("it ends");
        (output.status.code(), told(&output))
    };
    let [one, two] = &shards;
    let (code, words) = merged(&[one, two]);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.starts_with("seeds        5 (500 to 504, in 2 files)\n"), "{words}");
    assert!(words.contains("confidence   95 % that fewer than 45.07 % of all seeds fail\n"), "{words}");
    let (code, words) = merged(&[one, one]);
    assert_eq!((code, words.lines().count()), (Some(2), 1), "{words}");
    assert!(words.starts_with("error: seed 50") && words.contains("it would count twice"), "{words}");
    assert!(merged(&[one]).1.contains("note: no file is of shard 2/2\n"));
}

#[test]
fn a_stored_history_is_judged_whoever_it_is_of() {
    let judged = |file: &str, model: &str| {
        let output = program(&["check", file, "--model", model]).wait_with_output().expect("it ends");
        (output.status.code(), told(&output))
    };
    let recorded = |file: &str| format!("sim/linearizability/tests/histories/{file}");
    for (file, model, code, first) in [
        ("etcd_002.log", "register", 0, "linearizable: "),
        ("etcd_000.log", "register", 1, "not linearizable: 85 operations"),
        ("kv_c10-ok.edn", "append-kv", 0, "linearizable: 337 operations"),
        ("kv_c10-bad.edn", "append-kv", 1, "not linearizable: "),
        ("etcd_000.log", "append-kv", 3, "error: "),
        ("kv_c10-ok.edn", "register", 3, "error: the file has no operations in this format"),
    ] {
        let (judged, words) = judged(&recorded(file), model);
        assert_eq!(judged, Some(code), "{file}: {words}");
        assert!(words.starts_with(first), "{file}: {words}");
    }
    let folder = tempfile::tempdir().expect("a folder for a file");
    let file = folder.path().join("history.jsonl").display().to_string();
    let output = program(&["replay", "7", "--json", "--kind", "client"]).wait_with_output().expect("it ends");
    let history = String::from_utf8(output.stdout).expect("text");
    let store = |history: &str| {
        std::fs::write(&file, history).expect("a file of our own");
        judged(&file, "kv")
    };
    assert_eq!(store(&history).0, Some(0));
    // A read sees what nobody wrote.
    let found = r#""found":{"value":"never","mod_revision":1,"version":1}"#;
    let forged = history.replacen(r#""found":null"#, found, 1);
    assert_ne!(forged, history);
    let (code, words) = store(&forged);
    assert_eq!(code, Some(1), "{words}");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let mut replay = program(&["replay", "1"]);
    let mut first = String::new();
    let read = BufReader::new(stdout(&mut replay)).read_line(&mut first);
    assert!(read.is_ok_and(|length| length > 0), "the first line is the scenario");
    let output = replay.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn an_interrupted_campaign_tells_what_it_had() {
    let folder = tempfile::tempdir().expect("a folder for results");
    let results = folder.path().join("results.jsonl");
    let mut campaign =
        program(&["--time", "1h", "--seed", "1", "--jobs", "1", "--out", &results.display().to_string()]);
    let mut out = stdout(&mut campaign);
    // Time for some runs, not that it would matter.
    sleep(Duration::from_secs(5));
    kill(Pid::from_raw(campaign.id() as i32), Signal::SIGINT).expect("it still runs");
    let mut summary = String::new();
    out.read_to_string(&mut summary).expect("text");
    assert!(summary.contains("verdict      green (interrupted)\n"), "{summary}");
    assert_eq!(campaign.wait().expect("it ends").code(), Some(130));
    let results = std::fs::read_to_string(results).expect("it was written as runs ended");
    assert!(results.lines().last().is_some_and(|last| last.contains("\"interrupted\":true")), "{results}");
}

/// The program that `cargo sim` builds and runs, without cargo.
fn program(arguments: &[&str]) -> Child {
    let built = cargo("sim", &["--help"]);
    assert!(built.status.success(), "{}", told(&built));
    let child = Command::new("target/sim/sim/conclave-sim")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    child.expect("it was built")
}

fn stdout(child: &mut Child) -> ChildStdout {
    child.stdout.take().expect("it is a pipe")
}

/// Returns what the campaign told.
fn expect_green(command: &str, arguments: &[&str]) -> String {
    let output = cargo("sim", &[&[command], arguments].concat());
    // Printed on success as well (with --nocapture): it names the seeds.
    println!("{}", told(&output));
    assert!(output.status.success(), "a seed failed; the lines above replay it");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn hashes(seeds: &[String]) -> Vec<String> {
    let arguments: Vec<&str> = ["hashes"].into_iter().chain(seeds.iter().map(String::as_str)).collect();
    let output = cargo("sim", &arguments);
    assert!(output.status.success(), "{}", told(&output));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
