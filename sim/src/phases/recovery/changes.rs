//! Every change of members that an operator asked for comes to its end, and mistakes are refused; and every alarm ends.

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
    if let Ok(finished) = timeout(bound, finish_changes(world)).await {
        finished?;
    } else {
        let unfinished = world.operators.unfinished();
        return Err(failed(match unfinished.is_empty() {
            true => format!("a mistake or an errand of an operator has not ended {bound:?} after healing"),
            false => format!(
                "a change of members has not ended {bound:?} after healing, and this is what operators were told last: {}",
                unfinished.join("; ")
            ),
        }));
    }
    look(world)
}

/// Alarms end. Where proxies take few calls at a time operators come to that when clients have finished.
pub(super) async fn alarms_end(world: &mut World) -> Result<(), Failure> {
    let bound = bound(world);
    let late = |_| failed(format!("an alarm has not ended {bound:?} after all clients were answered"));
    timeout(bound, world.operators.finish_alarms()).await.map_err(late)?;
    look(world)
}

/// Whatever was asked for. Members are moved whom the cluster knows by a wrong address, until there is none: changes may wait for that,
/// which were asked for before anybody founded a cluster with those addresses.
async fn finish_changes(world: &mut World) -> Result<(), Failure> {
    loop {
        while world.operators.are_changing_members() {
            world.put_addresses_right();
            sleep(PAUSE).await;
            look(world)?;
        }
        world.operators.finish_changes().await.map_err(unexpected)?;
        if !world.put_addresses_right() {
            return Ok(());
        }
    }
}

fn unexpected(what: Unexpected) -> Failure {
    match what {
        Unexpected::Refused { change, error } => failed(format!("{change} was refused: {}", error.message)),
        Unexpected::Done(mistake) => {
            Failure::new(Rule::MistakesAreRefused, [], format!("{mistake}, and the cluster did it"))
        }
    }
}

fn failed(detail: String) -> Failure {
    Failure::new(Rule::ChangesEnd, [], detail)
}
