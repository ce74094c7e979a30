//! Faults strike and heal, by the scenario, while clients work.

use super::supervise::{look, pass_until};
use crate::{
    scenario::Scenario,
    trace::{Event, FaultEvent, MachineId},
    verdict::Failure,
    world::{Healing, World},
};

pub(super) async fn chaos(world: &mut World, scenario: &Scenario) -> Result<(), Failure> {
    introduce_everything(world);
    let mut healings: Vec<Healing> = scenario.faults.iter().map(|_| Healing::nothing()).collect();
    for Step { at_ms, heals, fault } in agenda(scenario) {
        pass_until(world, at_ms).await?;
        match heals {
            false => healings[fault] = strike(world, scenario, fault),
            true => heal(world, fault, std::mem::take(&mut healings[fault])),
        }
    }
    pass_until(world, scenario.chaos_ms).await?;
    look(world)
}

fn introduce_everything(world: &mut World) {
    let founders = world.shape.founders().map(MachineId::Node);
    let proxies = (0..world.shape.proxies).map(MachineId::Proxy);
    let clients = (0..world.shape.clients).map(MachineId::Client);
    founders.chain(proxies).chain(clients).for_each(|id| world.machines.introduce(id));
    world.large_clients.start();
}

/// A fault strikes or heals. At one time what heals comes last, and in the order of the scenario.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    at_ms: u64,
    heals: bool,
    fault: usize,
}

fn agenda(scenario: &Scenario) -> Vec<Step> {
    let mut agenda = Vec::new();
    for (fault, timed) in scenario.faults.iter().enumerate() {
        agenda.push(Step { at_ms: timed.at_ms, heals: false, fault });
        let until_ms = (timed.at_ms.saturating_add(timed.for_ms)).min(scenario.chaos_ms);
        agenda.push(Step { at_ms: until_ms, heals: true, fault });
    }
    agenda.sort_unstable();
    agenda
}

fn strike(world: &mut World, scenario: &Scenario, fault: usize) -> Healing {
    let tell = |world: &World, event| world.recorder.record(Event::Fault { fault, event });
    tell(world, FaultEvent::Struck);
    let healing = scenario.faults[fault].fault.strike(world);
    if !healing.conditions().is_empty() {
        tell(world, FaultEvent::Holds(healing.conditions().to_vec()));
    }
    healing
}

fn heal(world: &mut World, fault: usize, healing: Healing) {
    world.recorder.record(Event::Fault { fault, event: FaultEvent::Healed });
    world.heal(healing);
}
