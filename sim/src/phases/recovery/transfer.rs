//! Leadership can be handed over: a voter that an operator asks for comes to lead.

use super::waiting::{bound, wait_for};
use crate::{
    verdict::{Failure, Rule},
    world::World,
};

pub(super) async fn succeeds(world: &mut World) -> Result<(), Failure> {
    let Some(to) = another_voter(world) else { return Ok(()) };
    let (bound, before) = (bound(world), world.oracle.counts().elections);
    world.operators.transfer(to);
    // Who has a higher priority may have taken the lead back since.
    wait_for(world, bound, Rule::TransferSucceeds, |world| {
        let detail = format!("node {to} was to lead, and within {bound:?} nobody was elected");
        (world.oracle.counts().elections == before).then_some((vec![to], detail))
    })
    .await
}

fn another_voter(world: &World) -> Option<u64> {
    let (leader, configuration) = (world.oracle.leader()?, world.oracle.configuration());
    configuration.voters.iter().copied().find(|&id| id != leader)
}
