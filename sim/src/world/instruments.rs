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

use super::{knobs::Knobs, moments::Moments, rates::Rates};
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
    draws: BTreeMap<(MachineId, Buggify), Draw>,
    fired: BTreeMap<Buggify, Fired>,
    reached: BTreeSet<Rare>,
    moments: Moments,
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
        self.0.borrow_mut().rates = Rates::default();
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

impl Hooks for Instruments {
    fn reached(&self, rare: Rare) {
        let mut state = self.0.borrow_mut();
        state.reached.insert(rare);
        state.moments.reached(Moment::Reached(rare), state.machine());
    }

    fn fires(&self, point: Buggify) -> bool {
        let mut state = self.0.borrow_mut();
        let Some(rate) = state.rates.of(point) else { return false };
        let fires = rate.includes(state.draw(point));
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
