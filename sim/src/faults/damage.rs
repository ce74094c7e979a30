//! What families that damage a node's disk share.

use conclave_checks::draw::Draw;

use super::{Fault, lost_write::LostWrite, misdirected_write::MisdirectedWrite, rot::Rot};
use crate::{
    trace::{Condition, MachineId},
    world::{Healing, Misplaced, World},
};

/// A commit of the log writes about five blocks, one of the state up to some tens.
pub(super) const NTH_DRAWN: u64 = 30;

/// Damage of any family; `new` is a node that no other fault brings.
pub(crate) fn damages(draw: &mut Draw, node: u64, new: u64) -> Fault {
    let nth = draw.below(NTH_DRAWN);
    match draw.below(3) {
        0 => Fault::LostWrite(LostWrite { node, nth, new }),
        1 => Fault::MisdirectedWrite(MisdirectedWrite { node, nth, new }),
        _ => Fault::Rot(Rot::drawn(draw, node, new)),
    }
}

/// The n-th write of a block from now on, of those that syncs make, is reported as made and is not; then the node is killed.
pub(super) fn misplace_write(world: &mut World, node: u64, nth: u64, goes: Misplaced, new: u64) -> Healing {
    if !world.give_up_damaged(node, new) {
        return Healing::nothing();
    }
    let machine = MachineId::Node(node);
    world.machines.machine(machine).arm_false_write(nth, goes);
    world.hold([Condition::DownOnceItDies(machine)])
}
