//! Faults strike and heal, by the scenario, while clients work.

use std::{collections::BTreeSet, time::Duration};

use conclave::raft::Configuration;
use madsim::time::timeout;

use super::supervise::{look, pass_until};
use crate::{
    scenario::{Scenario, WAIT_MS},
    trace::{Condition, Event, FaultEvent, MachineId, Moment},
    verdict::Failure,
    world::{Come, Healing, World, now_ns},
};

/// While a fault waits for its moment the run looks this often for those that nobody tells of.
const MOMENT_INTERVAL: Duration = Duration::from_millis(1);

/// What faults hold beyond the chaos, each with its place in the scenario; and what the ending adds.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    faults: Vec<(usize, Healing)>,
    added: Vec<Healing>,
}

/// Returns what lasts. If everything is to be healed in the end, nothing does.
pub(super) async fn chaos(world: &mut World, scenario: &Scenario) -> Result<Lasting, Failure> {
    introduce_everything(world);
    let mut agenda = Agenda::of(scenario);
    while let Some(step) = agenda.steps.pop_first() {
        if let Some(Come { fault, node }) = pass_until_moment(world, step.at_ms).await? {
            agenda.steps.insert(step);
            tell(world, fault, FaultEvent::Met { node });
            world.subject = node;
            agenda.strike(world, fault, now_ns().div_ceil(1_000_000));
            world.subject = None;
            continue;
        }
        match step.due {
            Due::Waits(moment) => agenda.wait(world, step, moment),
            Due::HasWaited if !world.moments.give_up(step.fault) => {}
            Due::HasWaited => {
                tell(world, step.fault, FaultEvent::Waited);
                agenda.strike(world, step.fault, step.at_ms);
            }
            Due::Strikes => agenda.strike(world, step.fault, step.at_ms),
            Due::Heals => heal(world, step.fault, std::mem::take(&mut agenda.healings[step.fault])),
        }
    }
    pass_until(world, scenario.chaos_ms).await?;
    await_ending(world, scenario).await?;
    look(world)?;
    let healings = agenda.healings.into_iter().enumerate();
    let lasting = healings.filter(|(_, healing)| !healing.conditions().is_empty());
    Ok(Lasting { faults: lasting.collect(), added: Vec::new() })
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

/// What is to be done next, and what faults hold so far.
struct Agenda<'a> {
    scenario: &'a Scenario,
    steps: BTreeSet<Step>,
    /// By the fault's place in the scenario.
    healings: Vec<Healing>,
}

/// At one time what heals comes last, and in the order of the scenario.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    at_ms: u64,
    due: Due,
    fault: usize,
}

/// What becomes of a fault at its time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Strikes,
    Waits(Moment),
    HasWaited,
    Heals,
}

impl<'a> Agenda<'a> {
    fn of(scenario: &'a Scenario) -> Self {
        let steps = scenario.faults.iter().enumerate().map(|(fault, timed)| {
            let due = timed.moment.map_or(Due::Strikes, Due::Waits);
            Step { at_ms: timed.at_ms, due, fault }
        });
        let healings = scenario.faults.iter().map(|_| Healing::nothing()).collect();
        Self { scenario, steps: steps.collect(), healings }
    }

    /// A fault waits from now on.
    fn wait(&mut self, world: &World, Step { at_ms, fault, .. }: Step, moment: Moment) {
        tell(world, fault, FaultEvent::Waits(moment));
        world.moments.wait_for(fault, moment);
        let at_ms = (at_ms + WAIT_MS).min(self.scenario.chaos_ms);
        self.steps.insert(Step { at_ms, due: Due::HasWaited, fault });
    }

    fn strike(&mut self, world: &mut World, fault: usize, at_ms: u64) {
        tell(world, fault, FaultEvent::Struck);
        let timed = &self.scenario.faults[fault];
        let healing = timed.fault.strike(world);
        if healing.has_missed() {
            tell(world, fault, FaultEvent::Missed);
        }
        if !healing.conditions().is_empty() {
            tell(world, fault, FaultEvent::Holds(healing.conditions().to_vec()));
        }
        self.healings[fault] = healing;
        let (until_ms, chaos_ms) = (at_ms.saturating_add(timed.for_ms), self.scenario.chaos_ms);
        if until_ms <= chaos_ms || self.scenario.ending.has_no_outsiders() {
            self.steps.insert(Step { at_ms: until_ms.min(chaos_ms), due: Due::Heals, fault });
        }
    }
}

/// Lets time pass until this moment of the run, or until what a fault waits for has come.
async fn pass_until_moment(world: &mut World, at_ms: u64) -> Result<Option<Come>, Failure> {
    let at_ns = at_ms * 1_000_000;
    while world.moments.are_awaited() {
        look_for_changes(world);
        if let Some(come) = world.moments.take() {
            return Ok(Some(come));
        }
        let rest_ns = at_ns.saturating_sub(now_ns());
        if rest_ns == 0 {
            return Ok(None);
        }
        let moments = world.moments.clone();
        let _ = timeout(MOMENT_INTERVAL.min(Duration::from_nanos(rest_ns)), moments.come()).await;
        look(world)?;
    }
    pass_until(world, at_ms).await?;
    Ok(None)
}

/// Leaders fall that are to, and the chaos goes on until the moment has come that its end waits for.
async fn await_ending(world: &mut World, Scenario { ending, faults, .. }: &Scenario) -> Result<(), Failure> {
    // No fault has this number.
    let number = faults.len();
    for _ in 0..ending.falls {
        if let Some(leader) = await_moment(world, number, Moment::Elected).await? {
            world.machines.crash(MachineId::Node(leader));
            world.machines.bring_up(MachineId::Node(leader));
        }
    }
    let Some(moment) = ending.moment else { return Ok(()) };
    await_moment(world, number, moment).await?;
    pass_until(world, now_ns().div_ceil(1_000_000) + ending.late_ms).await
}

/// Returns the node that it is about; `None` if it has not come in time.
async fn await_moment(world: &mut World, number: usize, moment: Moment) -> Result<Option<u64>, Failure> {
    world.moments.wait_for(number, moment);
    let come = pass_until_moment(world, now_ns().div_ceil(1_000_000) + WAIT_MS).await?;
    world.moments.give_up(number);
    Ok(come.and_then(|come| come.node))
}

/// The moments of which nobody tells.
fn look_for_changes(world: &World) {
    type IsSo = fn(&Configuration) -> bool;
    let states: [(Moment, IsSo); 2] = [
        (Moment::MembersChange, Configuration::is_changing),
        (Moment::MembersJoint, Configuration::is_joint),
    ];
    for (moment, is_so) in states {
        if world.moments.is_awaited(moment) && world.any_goes_by(is_so) {
            world.moments.happens(moment, world.oracle.leader());
        }
    }
}

fn tell(world: &World, fault: usize, event: FaultEvent) {
    world.recorder.record(Event::Fault { fault, event });
}

fn heal(world: &mut World, fault: usize, healing: Healing) {
    tell(world, fault, FaultEvent::Healed);
    world.heal(healing);
}
