//! Every key is read once more: what was acknowledged must be there. Whoever is told to try again later, for others' calls fill the
//! proxy, does.

use std::time::Duration;

use super::{
    super::supervise::{look, pass},
    waiting::{ask_through, bound},
};
use crate::{
    trace::{Answer, Call, MachineId},
    verdict::{Failure, Rule},
    workload::Workload,
    world::{World, now_ns},
};

pub(super) async fn succeed(world: &mut World, workload: &Workload) -> Result<(), Failure> {
    let (began, bound) = (now_ns(), bound(world));
    for number in 0..workload.keys {
        let (key, proxy) = (Workload::key(number), number % world.shape.proxies);
        loop {
            let answer = ask_through(world, proxy, Call::Get { key: key.clone() }).await;
            if !answer.is_error() {
                break;
            }
            let is_refused = matches!(answer, Answer::DidNotHappen(_));
            if !is_refused || Duration::from_nanos(now_ns() - began) > bound {
                let detail = format!("{key} cannot be read from a healed cluster");
                return Err(Failure::new(Rule::ReadsSucceed, [MachineId::Proxy(proxy)], detail));
            }
            pass(world).await?;
        }
    }
    look(world)
}
