//! Everything is healed, the core was judged (`ending/`). What the cluster must come to now, one requirement after the other, each within its bound:
//!
//! | file | requirement |
//! | --- | --- |
//! | `writes.rs` | a write succeeds through every proxy |
//! | `changes.rs` | every change of members that an operator asked for comes to its end, and every alarm |
//! | `clients.rs` | clients are answered or give up within their patience |
//! | `reads.rs` | every key can be read: what was acknowledged must be there |
//! | `read_out.rs` | after a blackout: all of the history can be read |
//! | `convergence.rs` | all members apply everything; the oracle compares their states |
//! | `transfer.rs` | leadership can be handed over |
//! | `removed.rs` | nodes that were removed hear of it and stop |
//! | `stored.rs` | last of all: what is on their disks is sound |
//!
//! `waiting.rs` has what they share: the bound, and how the run itself waits and asks.

mod changes;
pub(super) mod clients;
mod convergence;
mod read_out;
mod reads;
mod removed;
mod stored;
mod transfer;
mod waiting;
mod writes;

pub(super) use self::{
    read_out::read_out,
    stored::is_sound,
    waiting::{ask_through, bound, snapshots, snapshots_of},
};
use crate::{trace::MachineId, verdict::Failure, workload::Workload, world::World};

pub(super) async fn recovery(world: &mut World, workload: &Workload) -> Result<(), Failure> {
    bring_up_everything(world);
    writes::succeed_through_every_proxy(world).await?;
    changes::come_to_their_end(world).await?;
    clients::are_answered(world, workload).await?;
    changes::alarms_end(world).await?;
    reads::succeed(world, workload).await?;
    convergence::of_all_members(world).await?;
    transfer::succeeds(world).await?;
    removed::nodes_stop(world).await
}

/// Every node and every proxy loses its power at once. One whose disk is damaged dies, and no more: what a power loss takes from it
/// cannot be told from what had rotted (`faults/rot.rs`).
pub(super) fn black_out(world: &mut World) {
    let nodes = world.known_nodes().into_iter().map(MachineId::Node);
    let proxies = (0..world.shape.proxies).map(MachineId::Proxy);
    for id in nodes.chain(proxies) {
        match world.machines.machine(id).is_damaged {
            true => world.machines.crash(id),
            false => world.machines.lose_power(id),
        }
    }
}

/// Whatever faults held was released with them. What died of itself in the middle of that is started now.
pub(super) fn bring_up_everything(world: &mut World) {
    world.machines.disarm_disks();
    let nodes = world.known_nodes().into_iter().map(MachineId::Node);
    let proxies = (0..world.shape.proxies).map(MachineId::Proxy);
    nodes.chain(proxies).for_each(|id| world.machines.bring_up(id));
}

#[cfg(test)]
pub(crate) mod tests;
