//! What all requirements share: within which bound, and how the run itself waits and asks.

use std::time::Duration;

use conclave::env::{Hooks as _, Knob};

use super::super::supervise::{look, pass};
use crate::{
    trace::{Answer, Call, MachineId},
    verdict::{Failure, Rule},
    workload::ask,
    world::{World, now_ns},
};

/// The number under which the run itself asks: no client has it.
const RUN_ITSELF: u64 = 999;
/// How long it waits for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// An entry with a value of a flood (`workload/flood.rs`).
const ENTRY_BYTES: u64 = 30_000;
/// A record of the state, most often less.
const RECORD_BYTES: u64 = 1_000;
/// What an entry leaves in the state: a version, and its place in the history.
const RECORDS_OF_AN_ENTRY: u64 = 2;
/// The jobs of a disk that make a state durable.
const FLUSH_JOBS: u64 = 100;
/// Nobody who gets on at all takes longer to catch up.
const CATCHING_UP_MAX: Duration = Duration::from_secs(60);

/// How long a healed cluster may take: links are found dead and made anew, calls of before are given up after 5 s, several
/// elections may fail, snapshots may have to cross narrow lines, and who lags behind has to catch up.
pub(in crate::phases) fn bound(world: &World) -> Duration {
    let elections = Duration::from_millis(world.shape.election_timeout_ms * 20);
    Duration::from_secs(15) + elections + catching_up(world) + snapshots(world)
}

/// Where pieces of snapshots are small each record crosses by itself: it is read from one disk, and staged on another. A leader may change
/// meanwhile, and the next one begins anew.
pub(in crate::phases) fn snapshots(world: &World) -> Duration {
    snapshots_of(world, world.oracle.committed())
}

/// The same, for a state that so many entries have made.
pub(in crate::phases) fn snapshots_of(world: &World, entries: u64) -> Duration {
    let shape = &world.shape;
    let records_of_a_piece = (shape.retention.piece_bytes / RECORD_BYTES).max(1);
    let pieces = entries * RECORDS_OF_AN_ENTRY / records_of_a_piece;
    let for_a_piece_us = shape.disk_us.high + shape.latency_us.high;
    Duration::from_micros(2 * pieces * for_a_piece_us).min(CATCHING_UP_MAX)
}

/// Where little of the log may wait for the disk of the state, who lags behind takes a few entries at a time, and then waits for that disk.
fn catching_up(world: &World) -> Duration {
    let Some(backlog_bytes) = world.instruments.knob(Knob::BacklogBytes) else { return Duration::ZERO };
    let committed = world.oracle.committed();
    let members = world.oracle.configuration();
    let lacking = members.members().map(|id| committed.saturating_sub(world.oracle.applied_by(id))).max();
    let flushes = lacking.unwrap_or(0) / (backlog_bytes / ENTRY_BYTES).max(1);
    Duration::from_micros(flushes * FLUSH_JOBS * world.shape.disk_us.high).min(CATCHING_UP_MAX)
}

/// Waits until this is so: `None` from `missing`. Otherwise it has told what was missing, in words.
pub(super) async fn wait_for(
    world: &mut World,
    bound: Duration,
    rule: Rule,
    missing: impl Fn(&World) -> Option<(Vec<u64>, String)>,
) -> Result<(), Failure> {
    let began = now_ns();
    loop {
        look(world)?;
        let Some((nodes, detail)) = missing(world) else { return Ok(()) };
        if Duration::from_nanos(now_ns() - began) > bound {
            return Err(Failure::new(rule, nodes.into_iter().map(MachineId::Node), detail));
        }
        pass(world).await?;
    }
}

/// One operation of the run's own client, recorded as any other.
pub(in crate::phases) async fn ask_through(world: &World, proxy: u64, call: Call) -> Answer {
    let operation = world.recorder.called(RUN_ITSELF, call.clone());
    let client = world.console.client_of_proxy(proxy, PATIENCE);
    let asking = world.console.spawn(async move { ask(&client, call).await });
    let answer = asking.await.expect("the console is never struck");
    world.recorder.answered(RUN_ITSELF, operation, answer.clone());
    answer
}
