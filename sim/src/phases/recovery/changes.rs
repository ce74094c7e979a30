//! Every change of members that an operator asked for comes to its end, and mistakes are refused.

use madsim::time::timeout;

use super::{super::supervise::look, waiting::bound};
use crate::{
    verdict::{Failure, Rule},
    workload::Unexpected,
    world::World,
};

pub(super) async fn come_to_their_end(world: &mut World) -> Result<(), Failure> {
    let bound = bound(world);
    world.put_addresses_right();
    let failed = |detail| Failure::new(Rule::ChangesEnd, [], detail);
    match timeout(bound, world.operators.finish_changes()).await {
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
