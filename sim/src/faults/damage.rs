//! What families that damage a node's disk share.

use crate::{
    trace::{Condition, MachineId},
    world::{Healing, Misplaced, World},
};

/// A commit of the log writes about five blocks, one of the state up to some tens.
pub(super) const NTH_DRAWN: u64 = 30;

/// The n-th write of a block from now on, of those that syncs make, is reported as made and is not; then the node is killed.
pub(super) fn misplace_write(world: &mut World, node: u64, nth: u64, goes: Misplaced, new: u64) -> Healing {
    if !world.give_up_damaged(node, new) {
        return Healing::nothing();
    }
    let machine = MachineId::Node(node);
    world.machines.machine(machine).arm_false_write(nth, goes);
    world.hold([Condition::DownOnceItDies(machine)])
}
