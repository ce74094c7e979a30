//! A write succeeds through every proxy.

use std::time::Duration;

use super::{
    super::supervise::{pass, what_is_missing},
    waiting::{ask_through, bound},
};
use crate::{
    trace::{Call, MachineId},
    verdict::{Failure, Rule},
    world::{World, now_ns, redirect_proxy},
};

pub(super) async fn succeed_through_every_proxy(world: &mut World) -> Result<(), Failure> {
    let (began, bound) = (now_ns(), bound(world));
    for proxy in 0..world.shape.proxies {
        loop {
            let (key, value) = (format!("healed-{proxy}"), format!("healed-{proxy}-{}", now_ns()));
            let answer = ask_through(world, proxy, Call::Put { key, value }).await;
            if !answer.is_error() {
                break;
            }
            if Duration::from_nanos(now_ns() - began) > bound {
                let missing = what_is_missing(world, &world.known_nodes());
                let detail = format!(
                    "no write through proxy {proxy} within {bound:?} of healing: it was told: {answer}; {missing}"
                );
                return Err(Failure::new(Rule::WritesSucceed, [MachineId::Proxy(proxy)], detail));
            }
            redirect_proxy(&mut world.machines, proxy, |_| true);
            pass(world).await?;
        }
    }
    Ok(())
}
