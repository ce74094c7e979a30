//! Everything is healed. What the cluster must come to now, one requirement after the other, each within its bound:
//!
//! | file | requirement |
//! | --- | --- |
//! | `writes.rs` | a write succeeds through every proxy |
//! | `changes.rs` | every change of members that an operator asked for comes to its end |
//! | `clients.rs` | clients are answered or give up within their patience |
//! | `reads.rs` | every key can be read: what was acknowledged must be there |
//! | `convergence.rs` | all members apply everything; the oracle compares their states |
//! | `removed.rs` | nodes that were removed hear of it and stop |

mod changes;
mod clients;
mod convergence;
mod reads;
mod removed;
mod writes;

use std::time::Duration;

use super::watch::{look, pass};
use crate::{
    trace::{Answer, Call, MachineId},
    verdict::{Failure, Rule},
    workload::{Workload, ask},
    world::{World, now_ns},
};

/// The number under which the run itself asks: no client has it.
const RUN_ITSELF: u64 = 999;
/// How long it waits for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn recovery(world: &mut World, workload: &Workload) -> Result<(), Failure> {
    world.machines.disarm_power_losses();
    bring_up_everything(world);
    writes::succeed_through_every_proxy(world).await?;
    changes::come_to_their_end(world).await?;
    clients::are_answered(world, workload).await?;
    reads::succeed(world, workload).await?;
    convergence::of_all_members(world).await?;
    removed::nodes_stop(world).await
}

/// Whatever faults held was released with them. What died of itself in the middle of that is started now.
fn bring_up_everything(world: &mut World) {
    let nodes = world.known_nodes().into_iter().map(MachineId::Node);
    let proxies = (0..world.shape.proxies).map(MachineId::Proxy);
    nodes.chain(proxies).for_each(|id| world.machines.bring_up(id));
}

/// How long a healed cluster may take: links are found dead and made anew, several elections may fail, and the simulated
/// network may deliver what waited at a cut as late as 10 s after it was mended.
fn bound(world: &World) -> Duration {
    Duration::from_secs(15) + Duration::from_millis(world.shape.election_timeout_ms * 20)
}

/// Waits until this is so: `None` from `missing`. Otherwise it has told what was missing, in words.
async fn wait_for(
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
async fn ask_through(world: &World, proxy: u64, call: Call) -> Answer {
    let operation = world.recorder.called(RUN_ITSELF, call.clone());
    let client = world.console.client_of_proxy(proxy, PATIENCE);
    let asking = world.console.spawn(async move { ask(&client, call).await });
    let answer = asking.await.expect("the console is never struck");
    world.recorder.answered(RUN_ITSELF, operation, answer.clone());
    answer
}
