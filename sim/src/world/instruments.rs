//! What the programs of a world meet beside their own work: points that are switched on (`src/env/buggify.rs`), and notes of the
//! rare states that they reach (`src/env/rare.rs`).

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use conclave::env::{Buggify, ClockControl, Hooked, Hooks, Knob, Rare, hook};
use conclave_checks::draw::Draw;
use madsim::{plugin, runtime::Handle, task::NodeId};
use serde::{Deserialize, Serialize};

use super::{
    clock::now_ns,
    knobs::Knobs,
    moments::Moments,
    rates::{Rate, Rates},
};
use crate::trace::{MachineId, Moment};

/// Whoever comes to a point that fires may pause so long, in microseconds: around a heartbeat.
const PAUSE_US: (u64, u64) = (100, 60_000);

/// Whoever stands still within a poll does so for so long, in microseconds: up to some election timeouts.
const STALL_US: (u64, u64) = (1_000, 600_000);

/// The instruments of a run. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Instruments(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    seed: u64,
    rates: Rates,
    knobs: Knobs,
    /// By the simulator's names.
    machines: BTreeMap<NodeId, MachineId>,
    clocks: BTreeMap<MachineId, ClockControl>,
    /// Machines that stand still within a poll, until their clocks go on.
    stalled: BTreeSet<MachineId>,
    /// Machines that a point has kept from what they were at.
    held_up: BTreeMap<MachineId, HeldUp>,
    /// Points that fire as often as points may, when these machines come to them.
    forced: BTreeSet<(MachineId, Buggify)>,
    draws: BTreeMap<(MachineId, Buggify), Draw>,
    fired: BTreeMap<Buggify, Fired>,
    reached: BTreeSet<Rare>,
    moments: Moments,
}

/// How often a machine was held up, and until when, at most, it may be by a pause, in nanoseconds of the run.
#[derive(Clone, Copy, Default)]
struct HeldUp {
    times: u64,
    until_ns: u64,
}

/// How often a point was come to while it was switched on, and how often it fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    pub asked: u64,
    pub fired: u64,
}

impl Instruments {
    /// Those of programs whose knobs stand so.
    pub(crate) fn with_knobs(knobs: Knobs) -> Self {
        Self(Rc::new(RefCell::new(State { knobs, ..State::default() })))
    }

    /// What runs on this thread meets them from now on, on these machines, until what is returned is dropped. No point is
    /// switched on yet.
    pub(super) fn attach(
        &self,
        machines: BTreeMap<NodeId, MachineId>,
        clocks: BTreeMap<MachineId, ClockControl>,
        moments: Moments,
    ) -> Hooked {
        let mut state = self.0.borrow_mut();
        (state.machines, state.clocks, state.moments) = (machines, clocks, moments);
        drop(state);
        hook(Rc::new(self.clone()))
    }

    /// Switches points on.
    pub(crate) fn switch_on(&self, seed: u64, rates: &Rates) {
        let mut state = self.0.borrow_mut();
        (state.seed, state.rates) = (seed, rates.clone());
    }

    /// No point fires any more. Who stands still does so until its clock goes on.
    pub(crate) fn switch_off(&self) {
        let mut state = self.0.borrow_mut();
        state.rates = Rates::default();
        state.forced.clear();
    }

    /// The machines that stand still within a poll.
    pub(super) fn stalled(&self) -> BTreeSet<MachineId> {
        self.0.borrow().stalled.clone()
    }

    /// The machines that have stood still for as long as they were to.
    pub(super) fn stalled_until_now(&self) -> Vec<MachineId> {
        let state = &mut *self.0.borrow_mut();
        let clocks = &state.clocks;
        let over = |machine: &MachineId| clocks.get(machine).is_none_or(|clock| !clock.stands_still());
        state.stalled.extract_if(.., over).collect()
    }

    /// How often a point has kept a machine from what it was at. `None`: one does so now.
    pub(super) fn held_up(&self, machine: MachineId) -> Option<u64> {
        let state = self.0.borrow();
        let HeldUp { times, until_ns } = state.held_up.get(&machine).copied().unwrap_or_default();
        let is_held_up = now_ns() < until_ns || state.stalled.contains(&machine);
        (!is_held_up).then_some(times)
    }

    /// A point fires as often as points may when this machine comes to it, or as it does in all of this run.
    pub(super) fn force(&self, machine: MachineId, point: Buggify, is_forced: bool) {
        let forced = &mut self.0.borrow_mut().forced;
        match is_forced {
            true => drop(forced.insert((machine, point))),
            false => drop(forced.remove(&(machine, point))),
        }
    }

    /// The rare states that the programs reached so far.
    pub(crate) fn reached(&self) -> BTreeSet<Rare> {
        self.0.borrow().reached.clone()
    }

    /// What became of the points that were switched on.
    pub(crate) fn fired(&self) -> BTreeMap<Buggify, Fired> {
        self.0.borrow().fired.clone()
    }
}

impl State {
    /// The machine that is running now.
    fn machine(&self) -> MachineId {
        self.machines.get(&plugin::node()).copied().unwrap_or(MachineId::Console)
    }

    fn hold_up(&mut self, machine: MachineId) {
        let held_up = self.held_up.entry(machine).or_default();
        held_up.times += 1;
        held_up.until_ns = now_ns() + 1_000 * PAUSE_US.1;
    }

    /// Each machine draws for each point from a stream of its own.
    fn draw(&mut self, point: Buggify) -> &mut Draw {
        let machine = self.machine();
        let actor = match machine {
            MachineId::Node(id) => id,
            MachineId::Proxy(number) => 1_000 + number,
            MachineId::Client(number) => 2_000 + number,
            MachineId::Console => 3_000,
        };
        let seed = self.seed;
        let new = || Draw::new(seed, &format!("buggify {}", point.name()), actor);
        self.draws.entry((machine, point)).or_insert_with(new)
    }
}

/// Whether who comes to a point that fires is late by that, or refuses what it is asked: what must go on may then have to wait for it. All
/// others cut work into smaller pieces, or do more of it.
fn holds_up(point: Buggify) -> bool {
    !matches!(
        point,
        Buggify::SpuriousWake
            | Buggify::ShortInputs
            | Buggify::EarlyReadRound
            | Buggify::ShortLogBatch
            | Buggify::ShortApply
            | Buggify::EarlyFlush
            | Buggify::ShortRead
            | Buggify::EarlyCompaction
            | Buggify::LostView
            | Buggify::LostPageCache
            | Buggify::ShortBatch
            | Buggify::ShortSnapshotPiece
    )
}

impl Hooks for Instruments {
    fn reached(&self, rare: Rare) {
        let mut state = self.0.borrow_mut();
        state.reached.insert(rare);
        state.moments.reached(Moment::Reached(rare), state.machine());
    }

    fn fires(&self, point: Buggify) -> bool {
        let mut state = self.0.borrow_mut();
        let machine = state.machine();
        let forced = state.forced.contains(&(machine, point)).then_some(Rate::MAX);
        let Some(rate) = forced.or(state.rates.of(point)) else { return false };
        let fires = rate.includes(state.draw(point));
        if fires && holds_up(point) {
            state.hold_up(machine);
        }
        let counted = state.fired.entry(point).or_default();
        counted.asked += 1;
        counted.fired += u64::from(fires);
        fires
    }

    fn knob(&self, knob: Knob) -> Option<u64> {
        self.0.borrow().knobs.of(knob)
    }

    fn pause_us(&self, point: Buggify) -> u64 {
        let (low, high) = PAUSE_US;
        self.0.borrow_mut().draw(point).between(low, high)
    }

    fn stall(&self, point: Buggify) {
        let mut state = self.0.borrow_mut();
        let node = plugin::node();
        let Some(machine) = state.machines.get(&node).copied() else { return };
        let (low, high) = STALL_US;
        let span_us = state.draw(point).between(low, high);
        let Some(clock) = state.clocks.get(&machine) else { return };
        clock.stall_us(span_us);
        Handle::current().pause(node);
        state.stalled.insert(machine);
    }
}
