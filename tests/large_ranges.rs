//! Answers larger than any message between our own processes, through real programs: whole, and nobody else waits for them.
#![cfg(all(unix, not(madsim)))]

mod programs;

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use conclave::{
    client::{Client, DeleteOptions, GetOptions, Options, PutOptions, prefix_range_end},
    env::Clock,
};
use programs::*;
use tonic::Code;

/// The pairs of the range, and what each holds: 90 MB.
const PAIRS: usize = 90;
const VALUE_BYTES: usize = 1_000_000;
const PREFIX: &str = "large/";

/// While large answers are under way a small write takes no longer, on a busy machine too.
const SMALL_WRITE_MAX: Duration = Duration::from_secs(2);

fn client(up: &Up) -> Client {
    let unix_time = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    let options = Options { timeout: PATIENCE, ..Options::default() };
    Client::new(std::slice::from_ref(&up.endpoint), options, Clock::new(unix_time))
        .expect("the endpoint is well formed")
}

fn value(number: usize) -> Vec<u8> {
    vec![b'a' + (number % 26) as u8; VALUE_BYTES]
}

fn all() -> GetOptions {
    GetOptions { range_end: prefix_range_end(PREFIX.as_bytes()), ..GetOptions::default() }
}

async fn fill(client: &Client) {
    for number in 0..PAIRS {
        let key = format!("{PREFIX}{number:03}");
        client.put(key, value(number), PutOptions::default()).await.expect("it is written");
    }
}

/// Writes small pairs until it is told to stop. Returns the longest that one took.
async fn small_writes(client: Client, stop: Arc<AtomicBool>) -> Duration {
    let mut longest = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        client.put("small", "value", PutOptions::default()).await.expect("a small write succeeds");
        longest = longest.max(began.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    longest
}

/// etcd's own client takes it as well, if it is there.
fn etcdctl_reads_it(up: &Up) {
    let arguments = ["--endpoints", &up.endpoint, "get", PREFIX, "--prefix", "--print-value-only"];
    let mut command = Command::new("etcdctl");
    let Ok(output) = command.env("ETCDCTL_API", "3").args(arguments).output() else { return };
    assert!(output.status.success(), "{}", text(&output.stderr));
    // Every value, and the end of its line.
    assert_eq!(output.stdout.len(), PAIRS * (VALUE_BYTES + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_of_ninety_megabytes_is_answered_whole_and_small_writes_do_not_wait_for_it() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let up = Up::start(directory.path());
    let large = client(&up);
    fill(&large).await;

    let stop = Arc::<AtomicBool>::default();
    let small = tokio::spawn(small_writes(client(&up), stop.clone()));
    for _ in 0..3 {
        let answer = large.get(PREFIX, all()).await.expect("it is answered");
        assert_eq!((answer.kvs.len(), answer.count, answer.more), (PAIRS, PAIRS as i64, false));
        for (number, pair) in answer.kvs.iter().enumerate() {
            assert_eq!(pair.key, format!("{PREFIX}{number:03}"));
            assert!(pair.value == value(number), "the value of {number} is not what was written");
        }
    }
    stop.store(true, Ordering::Relaxed);
    let longest = small.await.expect("all small writes succeed");
    assert!(longest < SMALL_WRITE_MAX, "a small write took {longest:?}");
    etcdctl_reads_it(&up);

    // What no answer to a delete may hold is refused, and then nothing is deleted.
    let delete = DeleteOptions { range_end: all().range_end, prev_kv: true, ..DeleteOptions::default() };
    let refused = large.delete(PREFIX, delete).await.expect_err("it is refused");
    assert_eq!(refused.code, Code::ResourceExhausted, "{refused}");
    assert!(refused.message.contains("8388608"), "the limit is named: {refused}");
    let count = GetOptions { count_only: true, ..all() };
    assert_eq!(large.get(PREFIX, count).await.expect("it is answered").count, PAIRS as i64);
}
