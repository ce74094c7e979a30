//! Every key is read once more: what was acknowledged must be there.

use super::{super::supervise::look, waiting::ask_through};
use crate::{
    trace::{Call, MachineId},
    verdict::{Failure, Rule},
    workload::Workload,
    world::World,
};

pub(super) async fn succeed(world: &mut World, workload: &Workload) -> Result<(), Failure> {
    for number in 0..workload.keys {
        let (key, proxy) = (Workload::key(number), number % world.shape.proxies);
        if ask_through(world, proxy, Call::Get { key: key.clone() }).await.is_error() {
            let detail = format!("{key} cannot be read from a healed cluster");
            return Err(Failure::new(Rule::ReadsSucceed, [MachineId::Proxy(proxy)], detail));
        }
    }
    look(world)
}
