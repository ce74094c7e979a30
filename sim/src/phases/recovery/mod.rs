//! Everything is healed, the core was judged (`ending/`). What the cluster must come to now, one requirement after the other, each within its bound:
//!
//! | file | requirement |
//! | --- | --- |
//! | `writes.rs` | a write succeeds through every proxy |
//! | `changes.rs` | every change of members that an operator asked for comes to its end |
//! | `clients.rs` | clients are answered or give up within their patience |
//! | `reads.rs` | every key can be read: what was acknowledged must be there |
//! | `convergence.rs` | all members apply everything; the oracle compares their states |
//! | `removed.rs` | nodes that were removed hear of it and stop |
//!
//! `waiting.rs` has what they share: the bound, and how the run itself waits and asks.

mod changes;
pub(super) mod clients;
mod convergence;
mod reads;
mod removed;
mod waiting;
mod writes;

pub(super) use self::waiting::{ask_through, bound};
use crate::{trace::MachineId, verdict::Failure, workload::Workload, world::World};

pub(super) async fn recovery(world: &mut World, workload: &Workload) -> Result<(), Failure> {
    bring_up_everything(world);
    writes::succeed_through_every_proxy(world).await?;
    changes::come_to_their_end(world).await?;
    clients::are_answered(world, workload).await?;
    reads::succeed(world, workload).await?;
    convergence::of_all_members(world).await?;
    removed::nodes_stop(world).await
}

/// Whatever faults held was released with them. What died of itself in the middle of that is started now.
pub(super) fn bring_up_everything(world: &mut World) {
    world.machines.disarm_disks();
    let nodes = world.known_nodes().into_iter().map(MachineId::Node);
    let proxies = (0..world.shape.proxies).map(MachineId::Proxy);
    nodes.chain(proxies).for_each(|id| world.machines.bring_up(id));
}
