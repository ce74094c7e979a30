//! All members apply everything; the oracle compares their states at every index.

use super::waiting::{bound, wait_for};
use crate::{
    verdict::{Failure, Rule},
    world::World,
};

pub(super) async fn of_all_members(world: &mut World) -> Result<(), Failure> {
    let bound = bound(world);
    wait_for(world, bound, Rule::MembersConverge, |world| {
        let committed = world.oracle.committed();
        let members = world.oracle.configuration();
        let applied: Vec<(u64, u64)> =
            members.members().map(|id| (id, world.oracle.applied_by(id))).collect();
        let late: Vec<u64> =
            applied.iter().filter(|(_, index)| *index != committed).map(|(id, _)| *id).collect();
        let detail = format!("{committed} entries are committed, and the members have applied {applied:?}");
        (members.is_changing() || !late.is_empty()).then_some((late, detail))
    })
    .await
}
