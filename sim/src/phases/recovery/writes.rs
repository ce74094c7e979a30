//! A write succeeds through every proxy.

use std::time::Duration;

use super::{
    super::supervise::pass,
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
            if !ask_through(world, proxy, Call::Put { key, value }).await.is_error() {
                break;
            }
            if Duration::from_nanos(now_ns() - began) > bound {
                let detail = format!("no write through proxy {proxy} within {bound:?} of healing");
                return Err(Failure::new(Rule::WritesSucceed, [MachineId::Proxy(proxy)], detail));
            }
            redirect_proxy(&mut world.machines, proxy, |_| true);
            pass(world).await?;
        }
    }
    Ok(())
}
