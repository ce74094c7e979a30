//! More is damaged than the system bears. It may be that nobody serves any more; whoever is answered is told the truth.

use super::{
    chaos::Lasting,
    recovery::{ask_through, bring_up_everything, clients},
    supervise::{look, pass_until},
};
use crate::{
    scenario::Scenario,
    trace::Call,
    verdict::Failure,
    workload::Workload,
    world::{World, now_ns},
};

/// So long nodes that are up may take to elect a leader, or to notice that they are damaged.
const SETTLES_MS: u64 = 5_000;
/// So many keys are asked for: each question may wait in vain.
const KEYS_ASKED: u64 = 3;

/// Heals what can be healed, asks once more, and lets clients finish. What they are told is judged; that there is an answer is not.
pub(super) async fn settle(world: &mut World, scenario: &Scenario, lasting: Lasting) -> Result<(), Failure> {
    lasting.heal(world);
    bring_up_everything(world);
    pass_until(world, now_ns() / 1_000_000 + SETTLES_MS).await?;
    for number in 0..scenario.workload.keys.min(KEYS_ASKED) {
        let call = Call::Get { key: Workload::key(number) };
        let _ = ask_through(world, number % world.shape.proxies, call).await;
        look(world)?;
    }
    clients::are_answered(world, &scenario.workload).await?;
    look(world)
}
