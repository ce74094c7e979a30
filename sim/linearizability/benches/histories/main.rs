//! How long verdicts take: `cargo bench --package linearizability`. Where another checker was measured, its time is said.

mod drawn;
mod recorded;
mod unpartitioned;

use std::fs;

use divan::{Bencher, counter::ItemsCount};
use linearizability::{Testimony, Verdict, check, check_witnessed, kv::Kv, recorded::AppendMap};

use drawn::Load;
use unpartitioned::WholeMap;

const OPERATIONS: usize = 1_000_000;

/// A store of 1,000 keys and 64 clients. The argument: of so many writes in a thousand nobody knows the outcome.
#[divan::bench(args = [0, 10], sample_count = 3, sample_size = 1)]
fn a_million_with_revisions(bencher: Bencher<'_, '_>, lost_in_a_thousand: u64) {
    let history =
        drawn::store(1, &Load { operations: OPERATIONS, keys: 1000, clients: 64, lost_in_a_thousand });
    bencher.counter(ItemsCount::new(OPERATIONS)).bench_local(|| {
        assert_eq!(check_witnessed::<Kv>(&history, 2 * OPERATIONS), Testimony::Linearizable);
    });
}

/// All of Jepsen's histories of etcd.
#[divan::bench]
fn sixty_registers(bencher: Bencher<'_, '_>) {
    let histories = recorded::registers();
    bencher
        .counter(ItemsCount::new(histories.len()))
        .bench_local(|| histories.iter().filter(|history| recorded::is_linearizable(history)).count());
}

/// Porcupine takes 0.3 ms for `c10-ok`.
#[divan::bench(args = ["c01-ok", "c01-bad", "c10-ok", "c10-bad"])]
fn map(bencher: Bencher<'_, '_>, name: &str) {
    let history = recorded::map(name);
    let expected = name.ends_with("ok");
    bencher.counter(ItemsCount::new(history.len())).bench_local(|| {
        assert_eq!(check::<AppendMap>(&history, usize::MAX) == Verdict::Linearizable, expected);
    });
}

/// Porcupine takes 1.1 s for `c10-ok`.
#[divan::bench(args = ["c01-ok", "c01-bad", "c10-ok", "c10-bad"])]
fn map_without_partition(bencher: Bencher<'_, '_>, name: &str) {
    let history = recorded::map(name);
    let expected = name.ends_with("ok");
    bencher.counter(ItemsCount::new(history.len())).bench_local(|| {
        assert_eq!(check::<WholeMap>(&history, usize::MAX) == Verdict::Linearizable, expected);
    });
}

/// Porcupine takes 53 ms for a map of 50 clients.
#[divan::bench]
fn map_of_50_clients(bencher: Bencher<'_, '_>) {
    let history = drawn::map(1, 50, 50);
    bencher.counter(ItemsCount::new(history.len())).bench_local(|| {
        assert_eq!(check::<AppendMap>(&history, usize::MAX), Verdict::Linearizable);
    });
}

fn main() {
    divan::main();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!("most memory at once, histories included: {}", peak.unwrap_or("unknown"));
}
