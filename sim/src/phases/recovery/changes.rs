//! Every change of members that an operator asked for comes to its end.

use madsim::time::timeout;

use super::{super::supervise::look, waiting::bound};
use crate::{
    verdict::{Failure, Rule},
    world::World,
};

pub(super) async fn come_to_their_end(world: &mut World) -> Result<(), Failure> {
    let bound = bound(world);
    let failed = |detail| Failure::new(Rule::ChangesEnd, [], detail);
    match timeout(bound, world.operators.finish_changes()).await {
        Ok(Ok(())) => look(world),
        Ok(Err(refused)) => Err(failed(format!("{} was refused: {}", refused.change, refused.error.message))),
        Err(_) => Err(failed(format!("a change of members has not ended {bound:?} after healing"))),
    }
}
