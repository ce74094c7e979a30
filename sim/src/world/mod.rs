//! The simulated world: every node, proxy and client is a machine with an address, a disk and a clock of its own, for
//! life, and its processes run the very code that production runs.
//!
//! | file | idea |
//! | --- | --- |
//! | `shape.rs` | what a world is built of |
//! | `machines.rs`, `machine.rs` | the machines: power, processes, pauses |
//! | `programs.rs` | what runs on a machine, and what it is told |
//! | `network.rs` | links, delays and bandwidth |
//! | `rolling.rs` | a rolling restart |
//! | `power.rs` | a machine without power does not even refuse |
//! | `disk.rs` | a disk that loses what was not synced |
//! | `conditions.rs` | what faults hold at present, counted: faults that overlap do not end each other |
//! | `addresses.rs`, `clock.rs` | where, and when |
//! | `instruments.rs`, `rates.rs`, `knobs.rs` | points that are switched on in the programs, limits that are set there, and the rare states that these reach |
//! | `moments.rs` | faults that wait for something to happen |
//! | `surroundings.rs` | who is disturbed, for the watch over availability |
//! | `observer.rs` | every step of every node, shown to the oracle |

mod addresses;
mod clock;
mod conditions;
mod disk;
mod instruments;
mod knobs;
mod machine;
mod machines;
mod moments;
mod network;
mod observer;
mod power;
mod programs;
mod rates;
mod rolling;
mod shape;
mod surroundings;

use std::{sync::Arc, time::Duration};

use conclave::{
    env::{Buggify, Hooked},
    raft::Configuration,
};
use conclave_checks::{FaultBudget, Oracle};

pub(crate) use self::{
    addresses::NUMBER_MAX,
    clock::now_ns,
    disk::Death,
    instruments::Instruments,
    machines::{Machines, redirect_proxy},
    moments::{Come, Moments},
    network::{cuts, latency, lines_between},
    surroundings::Watch,
};
use self::{
    conditions::Conditions, machine::arm_next_death, network::Network, programs::Programs, rolling::Rolling,
};
pub use self::{
    disk::{DiskTiming, Misplaced, SimDisk},
    instruments::Fired,
    knobs::Knobs,
    rates::{Rate, Rates},
    shape::{Answers, Leases, Retention, Shape},
};
use crate::{
    trace::{Condition, MachineId, Recorder},
    workload::{Console, Floods, LargeClients, NewNode, Operators, Workload},
};

/// Everything that a run has, and that faults act upon.
pub(crate) struct World {
    pub(crate) shape: Arc<Shape>,
    pub(crate) recorder: Recorder,
    pub(crate) oracle: Oracle,
    pub(crate) machines: Machines,
    pub(crate) network: Network,
    pub(crate) operators: Operators,
    pub(crate) large_clients: LargeClients,
    pub(crate) console: Console,
    /// All that may ever be members.
    pub(crate) nodes: Vec<u64>,
    pub(crate) moments: Moments,
    pub(crate) rolling: Rolling,
    /// The node that the moment is about which the fault that strikes now has waited for.
    pub(crate) subject: Option<u64>,
    floods: Floods,
    conditions: Conditions,
    pub(crate) instruments: Instruments,
    /// Over availability, where that is judged.
    pub(crate) watch: Option<Watch>,
}

/// What a fault holds until it heals.
#[must_use = "the conditions last until they are handed to World::heal"]
#[derive(Debug, Default)]
pub(crate) struct Healing {
    conditions: Vec<Condition>,
    has_missed: bool,
}

impl Healing {
    /// A fault that holds nothing: it is over as soon as it has struck.
    pub(crate) fn nothing() -> Self {
        Self::default()
    }

    /// A fault that had nothing to strike: there was nobody of that kind, or it was not the time.
    pub(crate) fn missed() -> Self {
        Self { conditions: Vec::new(), has_missed: true }
    }

    pub(crate) fn has_missed(&self) -> bool {
        self.has_missed
    }

    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Those of its conditions for which this is so, and the others.
    pub(crate) fn split(self, is_first: impl Fn(&Condition) -> bool) -> (Self, Self) {
        let (first, second) = self.conditions.into_iter().partition(is_first);
        let of = |conditions| Self { conditions, has_missed: false };
        (of(first), of(second))
    }
}

impl World {
    /// Builds the machines; nothing runs yet. `newcomers` are nodes that may be started later.
    pub(crate) fn new(
        shape: Arc<Shape>,
        workload: &Workload,
        newcomers: &[u64],
        recorder: &Recorder,
        oracle: &Oracle,
    ) -> Self {
        let moments = Moments::default();
        let programs =
            Programs::new(shape.clone(), workload.clone(), recorder.clone(), oracle.clone(), moments.clone());
        let machines = Machines::new(&shape, newcomers, programs);
        let proxies = (0..shape.proxies).map(addresses::proxy_endpoint).collect();
        let console = machines.console(proxies);
        let network = Network::new(machines.network_ids(), &shape);
        network.note_arrivals(recorder);
        Self {
            network,
            machines,
            operators: Operators::new(console.clone(), recorder.clone()),
            large_clients: LargeClients::new(
                console.clone(),
                recorder.clone(),
                shape.seed,
                workload.large,
                workload.patience_ms,
            ),
            floods: Floods::new(console.clone(), recorder.clone(), shape.seed),
            console,
            nodes: shape.founders().chain(newcomers.iter().copied()).collect(),
            conditions: Conditions::default(),
            instruments: Instruments::default(),
            watch: None,
            moments,
            rolling: Rolling::default(),
            subject: None,
            recorder: recorder.clone(),
            oracle: oracle.clone(),
            shape,
        }
    }

    /// What runs in this world meets the instruments until what is returned is dropped.
    pub(crate) fn attach(&mut self, instruments: &Instruments) -> Hooked {
        self.instruments = instruments.clone();
        let moments = self.moments.clone();
        self.recorder.show_to(move |event| moments.see(event));
        let ids = self.machines.network_ids().into_iter();
        let machines = self.machines.machines.values();
        let clocks = machines.map(|machine| (machine.id, machine.clock_control.clone()));
        let ids = ids.map(|(machine, id)| (id, machine)).collect();
        instruments.attach(ids, clocks.collect(), self.moments.clone())
    }

    /// Machines go on that have stood still within a step for as long as they were to. Returns whether others will do so by
    /// themselves: no fault keeps them.
    pub(crate) fn end_stalls(&mut self) -> bool {
        for machine in self.instruments.stalled_until_now() {
            let machine = self.machines.machine(machine);
            machine.set_paused(machine.is_paused);
        }
        self.instruments.stalled().iter().any(|&machine| !self.conditions.is_paused(machine))
    }

    /// This is so of the configuration that some node goes by.
    pub(crate) fn any_goes_by(&self, is_so: impl Fn(&Configuration) -> bool) -> bool {
        self.known_nodes().into_iter().any(|id| is_so(&self.oracle.configuration_of(id)))
    }

    /// Makes these conditions true until the healing is handed back. A fault that holds none of those it was to has missed.
    pub(crate) fn hold(&mut self, conditions: impl IntoIterator<Item = Condition>) -> Healing {
        let conditions: Vec<Condition> = conditions.into_iter().collect();
        for condition in &conditions {
            self.conditions.hold(*condition);
            self.watch.iter_mut().for_each(|watch| watch.hold(*condition));
            self.carry_out(*condition);
        }
        Healing { has_missed: conditions.is_empty(), conditions }
    }

    /// Ends the conditions of a fault, but for those that another fault holds too.
    pub(crate) fn heal(&mut self, Healing { conditions, .. }: Healing) {
        for condition in conditions {
            self.conditions.release(condition);
            self.carry_out(condition);
        }
    }

    /// Brings the world in line with a condition that was held or released.
    fn carry_out(&mut self, condition: Condition) {
        let is_held = self.conditions.is_held(condition);
        match condition {
            Condition::Cut { from, to }
            | Condition::Flapping { from, to, .. }
            | Condition::Refused { from, to }
            | Condition::PoorLine { from, to, .. }
            | Condition::Astray { from, to, .. } => {
                self.network.set_faults(from, to, self.conditions.line_faults(from, to));
            }
            Condition::Down(machine) => self.machines.keep_down(machine, is_held),
            Condition::DownOnceItDies(machine) => {
                self.machines.keep_down_once_it_dies(machine, is_held);
            }
            Condition::DiesAgain { machine, .. } => {
                let dying = self.machines.machine(machine);
                dying.next_death = self.conditions.next_death(machine);
                arm_next_death(dying);
            }
            Condition::Foreign(machine) => self.machines.let_foreigner_in(machine, is_held),
            Condition::Paused(machine) => {
                self.machines.machine(machine).set_paused(self.conditions.is_paused(machine));
            }
            Condition::Suspended(machine) => {
                self.set_clock(machine);
                self.machines.machine(machine).set_paused(self.conditions.is_paused(machine));
            }
            Condition::ClockDrift { machine, .. } | Condition::ClockSkew { machine, .. } => {
                self.set_clock(machine);
            }
            Condition::SlowDisk { machine, .. } => {
                let disk_us = self.conditions.disk_us(machine, self.shape.disk_us);
                self.machines.machine(machine).set_disk_time(disk_us);
            }
            Condition::Compacts(machine) => {
                for point in [Buggify::EarlyCompaction, Buggify::EarlyFlush] {
                    self.instruments.force(machine, point, is_held);
                }
            }
            Condition::StalledDisk(machine) => self.machines.machine(machine).disk.set_stalled(is_held),
            Condition::FailingDisk { machine, .. } => {
                let errors = self.conditions.disk_errors(machine);
                self.machines.machine(machine).disk.set_errors(errors);
            }
            Condition::Flood { proxy, clients } => self.floods.set(proxy, clients, is_held),
            Condition::SlowLink { machine, .. } => {
                self.network.narrow(machine, self.conditions.bytes_per_s(machine));
            }
            Condition::SlowNetwork { .. } => {
                self.network.set_latency(self.conditions.latency_us(self.shape.latency_us));
            }
        }
    }

    fn set_clock(&mut self, machine: MachineId) {
        let (drift_ppm, skew_ms) =
            (self.conditions.clock_drift_ppm(machine), self.conditions.clock_skew_ms(machine));
        self.machines.machine(machine).set_clock_error(drift_ppm, skew_ms);
    }

    /// A node's disk is about to be damaged, which the oracle is told. Beyond the envelope any may be, and nobody takes its place.
    /// False: it cannot be spared, or dies already in the middle of a job, and nothing happens.
    pub(crate) fn give_up_damaged(&mut self, node: u64, new: u64) -> bool {
        let machine = self.machines.machine(MachineId::Node(node));
        let may_be_damaged = machine.disk.death().is_none()
            && match self.shape.beyond {
                true => machine.is_introduced && !machine.is_damaged,
                false => self.give_up(node, new, Duration::ZERO),
            };
        if may_be_damaged {
            FaultBudget::of(&self.oracle).disk_damaged(node);
        }
        may_be_damaged
    }

    /// A node's data directory is lost, or not to be trusted: an operator notices it after so long, and puts a new node in its
    /// place. False: it cannot be spared now, and nothing happens.
    pub(crate) fn give_up(&mut self, node: u64, new: u64, noticed: Duration) -> bool {
        // An operator who is about to change the members may take one away that is needed then.
        let can_spare = FaultBudget::of(&self.oracle).can_spare(node)
            && !self.operators.are_changing_members()
            && self.wrong_addresses().is_empty();
        if can_spare {
            self.change_members(Some((new, false)), vec![node], noticed);
        }
        can_spare
    }

    /// Whether nodes and proxies of this cluster would notice that another cluster uses this node's address.
    pub(crate) fn can_be_impersonated(&self, node: u64) -> bool {
        FaultBudget::of(&self.oracle).can_be_impersonated(node)
            && !self.machines.programs.is_all_that_a_proxy_knows(node)
    }

    /// A node of another cluster runs on a machine of this one.
    pub(crate) fn has_foreign_node(&self) -> bool {
        self.conditions.has_foreign_node()
    }

    /// All members are reached where the cluster believes.
    pub(crate) fn has_true_addresses(&self) -> bool {
        self.wrong_addresses().is_empty()
    }

    /// An operator adds a node, which is started now, and removes others, when he has noticed after so long why.
    pub(crate) fn change_members(&mut self, add: Option<(u64, bool)>, remove: Vec<u64>, noticed: Duration) {
        // First the one is replaced that was lost: without it, and without another one too, there may be no quorum.
        if FaultBudget::of(&self.oracle).lacks_a_member() {
            return;
        }
        // So it is with those who are not reached where the cluster believes.
        if self.put_addresses_right() {
            return;
        }
        let add = add.map(|(id, learner)| {
            self.machines.introduce(MachineId::Node(id));
            NewNode { id, address: addresses::node_endpoint(id), learner }
        });
        self.operators.change_members(add.into_iter().collect(), remove, noticed);
    }

    /// An operator lets a learner vote, unless somebody has to be replaced or moved first.
    pub(crate) fn promote(&mut self, node: u64) {
        if !FaultBudget::of(&self.oracle).lacks_a_member() && !self.put_addresses_right() {
            self.operators.promote(node);
        }
    }

    /// A node that has left for good is started again.
    pub(crate) fn start_former(&mut self, node: u64) {
        machines::bring_up_whoever_it_is(&mut self.machines, MachineId::Node(node));
    }

    /// An operator moves members whom the cluster knows by wrong addresses, for those who founded it were told so. False: there are
    /// none.
    pub(crate) fn put_addresses_right(&mut self) -> bool {
        let wrong = self.wrong_addresses();
        let is_any = !wrong.is_empty();
        if is_any && !self.operators.are_moving_members() {
            self.operators.move_members(wrong);
        }
        is_any
    }

    /// The members that are reached elsewhere than the cluster believes, with where that is.
    fn wrong_addresses(&self) -> Vec<(u64, String)> {
        let configuration = self.oracle.configuration();
        let truly = configuration.members().map(|id| (id, addresses::node_endpoint(id)));
        truly.filter(|(id, address)| configuration.addresses.get(id) != Some(address)).collect()
    }

    /// Ends every process, and lets the simulator free what they held.
    pub(crate) async fn shut_down(mut self) {
        self.network.shut_down();
        self.machines.shut_down();
        drop(self);
        madsim::time::sleep(Duration::from_millis(1)).await;
    }

    /// The nodes that were started, and did not leave the cluster for good.
    pub(crate) fn known_nodes(&self) -> Vec<u64> {
        let configuration = self.oracle.configuration();
        self.machines.introduced_nodes().filter(|id| !configuration.gone.contains(id)).collect()
    }
}

/// Looks whether what must go on does, if that is watched and it is time to look.
pub(crate) fn look_at_availability(world: &mut World) {
    let now = Duration::from_nanos(now_ns());
    let Some(mut watch) = world.watch.take_if(|watch| watch.is_due(now)) else { return };
    let is_changing = world.operators.are_changing_members() || !world.has_true_addresses();
    let World { conditions, machines, instruments, oracle, .. } = &*world;
    watch.look(now, conditions, machines, instruments, oracle, is_changing);
    world.watch = Some(watch);
}
