//! Every change of members that an operator asked for comes to its end, and mistakes are refused.

use std::time::Duration;

use madsim::time::{sleep, timeout};

use super::{super::supervise::look, waiting::bound};
use crate::{
    verdict::{Failure, Rule},
    workload::Unexpected,
    world::World,
};

/// So often it is looked whether the changes are done.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) async fn come_to_their_end(world: &mut World) -> Result<(), Failure> {
    let bound = bound(world);
    let failed = |detail| Failure::new(Rule::ChangesEnd, [], detail);
    match timeout(bound, finish_changes(world)).await {
        Ok(Ok(())) => look(world),
        Ok(Err(Unexpected::Refused { change, error })) => {
            Err(failed(format!("{change} was refused: {}", error.message)))
        }
        Ok(Err(Unexpected::Done(mistake))) => {
            let detail = format!("{mistake}, and the cluster did it");
            Err(Failure::new(Rule::MistakesAreRefused, [], detail))
        }
        Err(_) => Err(failed(format!("a change of members has not ended {bound:?} after healing"))),
    }
}

/// Whatever was asked for. Members are moved whom the cluster knows by a wrong address, until there is none: changes may wait for that,
/// which were asked for before anybody founded a cluster with those addresses.
async fn finish_changes(world: &mut World) -> Result<(), Unexpected> {
    loop {
        while world.operators.are_changing_members() {
            world.put_addresses_right();
            sleep(PAUSE).await;
        }
        world.operators.finish_changes().await?;
        if !world.put_addresses_right() {
            return Ok(());
        }
    }
}
