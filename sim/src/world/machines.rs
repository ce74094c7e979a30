//! The machines of a run, and the powers over them.

use std::collections::BTreeMap;

use madsim::task::NodeId;

use super::{
    clock::now_ns,
    disk::Death,
    machine::{Ending, Machine},
    programs::Programs,
    shape::Shape,
};
use crate::{
    trace::{MachineEvent, MachineId},
    workload::Console,
};

/// After this long a supervisor starts a process again that stopped for its disk.
const RESTARTED_AFTER_MS: (u64, u64) = (50, 1_000);

/// All machines, by name.
pub(crate) struct Machines {
    pub(super) machines: BTreeMap<MachineId, Machine>,
    /// Whose process stopped for its disk, and when it is started again.
    restarts: BTreeMap<MachineId, u64>,
    pub(super) programs: Programs,
}

impl Machines {
    /// Machines for the shape's nodes, proxies and clients, for newcomers, and the console. Nothing runs yet.
    pub(super) fn new(shape: &Shape, newcomers: &[u64], programs: Programs) -> Self {
        let nodes = shape.founders().chain(newcomers.iter().copied()).map(MachineId::Node);
        let proxies = (0..shape.proxies).map(MachineId::Proxy);
        let clients = (0..shape.clients).map(MachineId::Client);
        let ids = nodes.chain(proxies).chain(clients).chain([MachineId::Console]);
        let machines = ids.map(|id| (id, Machine::new(id, shape.seed, shape.disk_us))).collect();
        Self { machines, restarts: BTreeMap::new(), programs }
    }

    /// The machine where operators sit, who reach proxies at these endpoints.
    pub(super) fn console(&self, proxies: Vec<String>) -> Console {
        let machine = &self.machines[&MachineId::Console];
        Console { handle: machine.handle(), clock: machine.clock.clone(), proxies }
    }

    /// The simulator's names of all machines.
    pub(super) fn network_ids(&self) -> BTreeMap<MachineId, NodeId> {
        self.machines.iter().map(|(&id, machine)| (id, machine.handle().id())).collect()
    }

    /// From now on something is meant to run on a machine: it is started, and again whenever it is down and nothing
    /// keeps it down.
    pub(crate) fn introduce(&mut self, id: MachineId) {
        self.machine(id).is_introduced = true;
        self.bring_up(id);
    }

    /// Starts a machine that is down, as after a crash: with what its disk holds, and nothing else. One that nothing is
    /// meant to run on stays down, and one that is kept down, and a node that left the cluster for good.
    pub(crate) fn bring_up(&mut self, id: MachineId) {
        if !self.programs.has_left(id) {
            bring_up_whoever_it_is(self, id);
        }
    }

    /// A process dies. What it wrote and did not sync survives: the operating system has it.
    pub(crate) fn crash(&mut self, id: MachineId) {
        let machine = self.machine(id);
        machine.crash_disks();
        let was_running = machine.is_running();
        machine.kill();
        if was_running {
            self.programs.tell(id, MachineEvent::Killed);
        }
    }

    /// A machine loses power: unsynced writes are lost, kept or torn.
    pub(crate) fn lose_power(&mut self, id: MachineId) {
        let machine = self.machine(id);
        if machine.is_introduced {
            machine.lose_power();
            self.programs.tell(id, MachineEvent::LostPower);
        }
    }

    /// No death in the middle of a disk's job is due any more, anywhere. Who was told of an error, and is about to stop for it, stops
    /// now.
    pub(crate) fn disarm_disks(&mut self) {
        self.machines.values().for_each(|machine| machine.disk.disarm());
        let is_stopping = |machine: &&Machine| machine.is_running() && machine.disk.has_failed();
        let failed: Vec<MachineId> =
            self.machines.values().filter(is_stopping).map(|machine| machine.id).collect();
        failed.into_iter().for_each(|id| self.crash(id));
    }

    /// Machines whose power failed in the middle of a sync lose it now, their processes included; processes end that were killed in the
    /// middle of a job; and processes that stopped for their disks are started again, as a supervisor does, whether that is mended or
    /// not.
    pub(crate) fn tend(&mut self) {
        let died = |machine: &Machine| Some((machine.id, machine.disk.death()?));
        for (id, death) in self.machines.values().filter_map(died).collect::<Vec<_>>() {
            match death {
                Death::PowerLoss => self.lose_power(id),
                Death::Crash => self.crash(id),
            }
            self.machine(id).died_in_job = true;
            self.bring_up(id);
        }
        let now_ns = now_ns();
        let due = self.restarts.extract_if(.., |_, at_ns| *at_ns <= now_ns);
        for (id, _) in due.collect::<Vec<_>>() {
            self.bring_up(id);
        }
    }

    /// A process is told to stop.
    pub(crate) fn tell_to_stop(&mut self, id: MachineId) {
        if self.machine(id).tell_to_stop() {
            self.programs.tell(id, MachineEvent::ToldToStop);
        }
    }

    /// Keeps a machine that is down from being started, or does so no longer: then it is started. A process that was told
    /// to stop and still has not is killed before, as an operating system does in the end.
    pub(super) fn keep_down(&mut self, id: MachineId, is_kept_down: bool) {
        self.machine(id).is_kept_down = is_kept_down;
        if !is_kept_down {
            if self.machine(id).is_stopping() {
                self.crash(id);
            }
            self.bring_up(id);
        }
    }

    /// On a machine that is kept down a node of another cluster is started, with a disk of its own; or that one is ended.
    pub(super) fn let_foreigner_in(&mut self, id: MachineId, is_in: bool) {
        let machine = self.machines.get_mut(&id).expect("a scenario names existing machines");
        if machine.is_foreign == is_in {
            return;
        }
        machine.crash_disks();
        machine.kill();
        machine.is_foreign = is_in;
        match is_in {
            true => self.programs.start_foreign_node(machine),
            false => self.bring_up(id),
        }
    }

    /// The same, for a machine that dies in the middle of a job of its disk.
    pub(super) fn keep_down_once_it_dies(&mut self, id: MachineId, is_kept_down: bool) {
        self.machine(id).is_kept_down_once_it_dies = is_kept_down;
        if !is_kept_down {
            self.bring_up(id);
        }
    }

    /// The nodes that were started, ever.
    pub(crate) fn introduced_nodes(&self) -> impl Iterator<Item = u64> {
        self.machines.values().filter(|machine| machine.is_introduced).filter_map(|machine| {
            match machine.id {
                MachineId::Node(id) => Some(id),
                _ => None,
            }
        })
    }

    pub(crate) fn is_running(&self, id: MachineId) -> bool {
        self.machines.get(&id).is_some_and(Machine::is_running)
    }

    /// Clears away the processes of nodes and proxies that ended. Returns one that ended although nobody told it to stop, it has not
    /// left the cluster, and its disk is no reason, or it does not name that.
    pub(crate) fn reap(&mut self) -> Option<MachineId> {
        let mut unasked = None;
        let is_served = |machine: &&mut Machine| !matches!(machine.id, MachineId::Client(_));
        for machine in self.machines.values_mut().filter(is_served) {
            let has_failed = machine.disk.has_failed();
            if machine.reap() != Some(Ending::Unasked) || self.programs.has_left(machine.id) {
                continue;
            }
            let names_disk = self.programs.names_disk(machine.id);
            if machine.is_damaged && names_disk {
                // It noticed, and is of no more use.
                machine.is_introduced = false;
            } else if has_failed && names_disk {
                let (low, high) = RESTARTED_AFTER_MS;
                let after_ms = machine.draw("restart").between(low, high);
                self.restarts.insert(machine.id, now_ns() + after_ms * 1_000_000);
            } else {
                unasked = unasked.or(Some(machine.id));
            }
        }
        unasked
    }

    /// Clients finish what they are at.
    pub(crate) async fn finish_clients(&mut self) {
        self.programs.finish_clients();
        for machine in self.machines.values_mut().filter(|machine| matches!(machine.id, MachineId::Client(_)))
        {
            if let Some(process) = machine.take_process() {
                let _ = process.await;
            }
        }
    }

    /// Kills every process. What they held is freed when the simulator comes by next.
    pub(crate) fn shut_down(&mut self) {
        for machine in self.machines.values_mut() {
            machine.crash_disks();
            machine.power.turn_on();
            machine.kill();
        }
    }

    pub(crate) fn machine(&mut self, id: MachineId) -> &mut Machine {
        self.machines.get_mut(&id).expect("a scenario names existing machines")
    }
}

/// A proxy that was told of too few of the members of today, for it was started before most of them were, or that reaches too few of
/// those that it was told of, is started again by an operator, who tells it of all.
pub(crate) fn redirect_proxy(machines: &mut Machines, number: u64, is_reached: impl Fn(u64) -> bool) {
    if !machines.programs.proxy_knows_the_members(number, is_reached) {
        machines.crash(MachineId::Proxy(number));
        machines.bring_up(MachineId::Proxy(number));
    }
}

/// Starts a machine that is down, also that of a node which left the cluster for good: somebody makes a mistake.
pub(super) fn bring_up_whoever_it_is(Machines { machines, programs, .. }: &mut Machines, id: MachineId) {
    let machine = machines.get_mut(&id).expect("a scenario names existing machines");
    if machine.may_start() {
        machine.starts += 1;
        machine.died_in_job = false;
        programs.tell(id, MachineEvent::Started);
        programs.start(machine);
    }
}
