//! Three cores in memory replicate commands to each other: this one beside raft-rs, on the same work.
//!
//! `cargo bench` prints the time of [`COMMANDS`] commands, proposed in batches; each batch is committed and applied on
//! all three nodes before the next is proposed. The commands are made before the clock starts, nothing is encoded and no
//! disk is touched.

mod cluster;
mod conclave_core;
mod raft_rs;

use divan::{Bencher, counter::ItemsCount};

use cluster::{Cluster, NODES};

/// The one of the binary, for both.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Commands of one sample, on a fresh cluster that has a leader.
const COMMANDS: usize = 4096;
const BATCHES: [usize; 3] = [1, 16, 256];
const SIZES_BYTES: [usize; 2] = [128, 4096];

fn work() -> Vec<(usize, usize)> {
    SIZES_BYTES.iter().flat_map(|&size| BATCHES.iter().map(move |&batch| (size, batch))).collect()
}

/// The arguments are bytes of a command and commands of a batch.
#[divan::bench(types = [conclave_core::Conclave, raft_rs::RaftRs], args = work())]
fn replicate<C: Cluster>(bencher: Bencher<'_, '_>, (size, batch): (usize, usize)) {
    let payload = vec![7; size];
    let batches = || (0..COMMANDS / batch).map(|_| C::batch(batch, &payload)).collect::<Vec<_>>();
    let bencher = bencher.counter(ItemsCount::new(COMMANDS));
    bencher.with_inputs(|| (C::elected(), batches())).bench_local_values(|(mut cluster, batches)| {
        for batch in batches {
            cluster.replicate(batch);
        }
        assert_eq!(cluster.applied(), vec![COMMANDS; NODES as usize]);
        cluster
    });
}

fn main() {
    divan::main();
}
