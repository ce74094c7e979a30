//! Three cores in memory replicate commands to each other: this one beside raft-rs, on the same work.
//!
//! `cargo bench` prints the time of [`COMMANDS`] commands, proposed in batches; each batch is committed and applied on
//! all three nodes before the next is proposed. Nothing is encoded and no disk is touched.

use divan::{Bencher, counter::ItemsCount};

mod conclave_core;
mod raft_rs;

const NODES: u64 = 3;
/// Commands of one sample, on a fresh cluster that has a leader.
const COMMANDS: usize = 4096;
const BATCHES: [usize; 3] = [1, 16, 256];
const SIZES_BYTES: [usize; 2] = [128, 4096];

/// Three nodes with a leader.
trait Cluster {
    fn elected() -> Self;

    /// Proposes so many commands together, and returns when all nodes have applied them.
    fn replicate(&mut self, commands: usize, payload: &[u8]);

    /// Commands that each node has applied.
    fn applied(&self) -> Vec<usize>;
}

fn work() -> Vec<(usize, usize)> {
    SIZES_BYTES.iter().flat_map(|&size| BATCHES.iter().map(move |&batch| (size, batch))).collect()
}

/// The arguments are bytes of a command and commands of a batch.
#[divan::bench(types = [conclave_core::Conclave, raft_rs::RaftRs], args = work())]
fn replicate<C: Cluster>(bencher: Bencher<'_, '_>, (size, batch): (usize, usize)) {
    let payload = vec![7; size];
    bencher.counter(ItemsCount::new(COMMANDS)).with_inputs(C::elected).bench_local_values(|mut cluster| {
        for _ in 0..COMMANDS / batch {
            cluster.replicate(batch, &payload);
        }
        assert_eq!(cluster.applied(), vec![COMMANDS; NODES as usize]);
        cluster
    });
}

fn main() {
    divan::main();
}
