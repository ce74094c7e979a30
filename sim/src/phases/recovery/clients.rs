//! Clients finish what they are at: each is answered or gives up within its patience.

use std::time::Duration;

use madsim::time::timeout;

use crate::{
    verdict::{Failure, Rule},
    workload::Workload,
    world::World,
};

/// This much more than the clients' patience ends all waiting.
const SLACK: Duration = Duration::from_secs(2);

pub(in crate::phases) async fn are_answered(world: &mut World, workload: &Workload) -> Result<(), Failure> {
    let bound = Duration::from_millis(workload.patience_ms) * 4 + SLACK;
    let (machines, large_clients) = (&mut world.machines, &mut world.large_clients);
    let finishing = async move {
        machines.finish_clients().await;
        large_clients.finish().await;
    };
    timeout(bound, finishing).await.map_err(|_| {
        Failure::new(Rule::ClientsAreAnswered, [], "a client waits beyond its patience".to_owned())
    })
}
