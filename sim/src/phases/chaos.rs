//! Faults strike and heal, by the scenario, while clients work.

use super::supervise::{look, pass_until};
use crate::{
    scenario::Scenario,
    trace::{Condition, Event, FaultEvent, MachineId},
    verdict::Failure,
    world::{Healing, World},
};

/// What faults hold beyond the chaos, each with its place in the scenario; and what the ending adds.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    faults: Vec<(usize, Healing)>,
    added: Vec<Healing>,
}

/// Returns what lasts. If everything is to be healed in the end, nothing does.
pub(super) async fn chaos(world: &mut World, scenario: &Scenario) -> Result<Lasting, Failure> {
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
    look(world)?;
    let faults = healings.into_iter().enumerate().filter(|(_, healing)| !healing.conditions().is_empty());
    Ok(Lasting { faults: faults.collect(), added: Vec::new() })
}

impl Lasting {
    /// Ends all of it.
    pub(super) fn heal(self, world: &mut World) {
        for (fault, healing) in self.faults {
            heal(world, fault, healing);
        }
        self.added.into_iter().for_each(|healing| world.heal(healing));
    }

    /// Ends what this is so of; the rest stays.
    pub(super) fn heal_where(self, world: &mut World, ends: impl Fn(&Condition) -> bool) -> Self {
        let mut staying = Self { faults: Vec::new(), added: self.added };
        for (fault, healing) in self.faults {
            let (ending, rest) = healing.split(&ends);
            world.heal(ending);
            staying.faults.push((fault, rest));
        }
        staying
    }

    /// This lasts too.
    pub(super) fn add(&mut self, healing: Healing) {
        self.added.push(healing);
    }

    pub(super) fn conditions(&self) -> Vec<Condition> {
        let faults = self.faults.iter().map(|(_, healing)| healing);
        faults.chain(&self.added).flat_map(|healing| healing.conditions().iter().copied()).collect()
    }
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
        let until_ms = timed.at_ms.saturating_add(timed.for_ms);
        if until_ms <= scenario.chaos_ms || scenario.ending.outsiders.is_empty() {
            agenda.push(Step { at_ms: until_ms.min(scenario.chaos_ms), heals: true, fault });
        }
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
