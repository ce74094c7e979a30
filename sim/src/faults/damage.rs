//! What families that damage a node's disk share.

use super::target::Target;
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, Misplaced, World},
};

/// A commit of the log writes about five blocks, one of the state up to some tens.
pub(super) const NTH_DRAWN: u64 = 30;

/// The n-th write of a block from now on, of those that syncs make, is reported as made and is not; then the node is killed.
pub(super) fn misplace_write(
    world: &mut World,
    node: Target,
    nth: u64,
    goes: Misplaced,
    new: u64,
) -> Healing {
    let Some(node) = node.resolve(world).filter(|node| world.give_up_damaged(*node, new)) else {
        return Healing::missed();
    };
    let machine = MachineId::Node(node);
    world.machines.machine(machine).arm_false_write(nth, goes);
    world.hold([Condition::DownOnceItDies(machine)])
}
