//! One machine: what it is for life, and the process that runs on it now.

use std::time::Duration;

use conclave::env::{Clock, ClockControl};
use conclave_checks::draw::Draw;
use madsim::{
    runtime::{Handle, NodeHandle},
    task::JoinHandle,
};
use tokio::sync::oneshot;

use super::{
    addresses, clock,
    disk::{Death, DiskTiming, Misplaced, SimDisk},
    power::Power,
};
use crate::trace::{MachineId, Range};

/// A machine. Its disk and its clock outlive its processes.
pub(crate) struct Machine {
    pub(super) id: MachineId,
    seed: u64,
    pub(crate) disk: SimDisk,
    /// Of the node of another cluster that runs here now and then.
    pub(super) foreign_disk: SimDisk,
    pub(crate) clock: Clock,
    pub(super) clock_control: ClockControl,
    /// Counts the starts of its process: each has randomness of its own.
    pub(super) starts: u64,
    /// Something is meant to run here.
    pub(super) is_introduced: bool,
    /// What keeps it from being started.
    pub(super) is_kept_down: bool,
    pub(super) is_kept_down_once_it_dies: bool,
    pub(super) is_foreign: bool,
    /// Its disk is damaged: the process may end by itself, and stays down then.
    pub(crate) is_damaged: bool,
    pub(super) died_in_job: bool,
    /// It dies again and again: so, and within so many changes of its files, or syncs.
    pub(super) next_death: Option<(Death, u64)>,
    /// Its power has failed, at some time.
    pub(crate) has_lost_power: bool,
    pub(super) power: Power,
    pub(super) is_paused: bool,
    /// How often its process began or stood still, or its clock jumped.
    pub(super) disturbances: u64,
    handle: NodeHandle,
    process: Option<JoinHandle<()>>,
    /// Tells the process to stop; none: it was told.
    stop: Option<oneshot::Sender<()>>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Asked,
    Unasked,
}

/// The process.
impl Machine {
    pub(super) fn new(id: MachineId, seed: u64, disk_us: Range) -> Self {
        let name = match id {
            MachineId::Node(number) => format!("node-{number}"),
            MachineId::Proxy(number) => format!("proxy-{number}"),
            MachineId::Client(number) => format!("client-{number}"),
            MachineId::Console => "console".to_owned(),
        };
        let (clock, clock_control) = clock::machine_clock();
        let disk_number = match id {
            MachineId::Node(number) => number,
            _ => 0,
        };
        Self {
            id,
            seed,
            disk: SimDisk::new(seed, disk_number, disk_timing(disk_us)),
            foreign_disk: SimDisk::new(seed, FOREIGN_DISKS + disk_number, disk_timing(disk_us)),
            clock,
            clock_control,
            starts: 0,
            is_introduced: false,
            is_kept_down: false,
            is_kept_down_once_it_dies: false,
            is_foreign: false,
            is_damaged: false,
            died_in_job: false,
            next_death: None,
            has_lost_power: false,
            power: Power::of(id),
            is_paused: false,
            disturbances: 0,
            handle: Handle::current().create_node().name(name).ip(addresses::ip(id)).build(),
            process: None,
            stop: None,
        }
    }

    /// A draw for the present start of the process. `domain` says what for.
    pub(super) fn draw(&self, domain: &str) -> Draw {
        let number = match self.id {
            MachineId::Node(number) | MachineId::Proxy(number) | MachineId::Client(number) => number,
            MachineId::Console => 0,
        };
        Draw::new(self.seed, domain, number * 1000 + self.starts)
    }

    /// Starts a process, which is told to stop by the channel that `program` is given.
    pub(super) fn run<P>(&mut self, program: impl FnOnce(oneshot::Receiver<()>) -> P)
    where
        P: Future<Output = ()> + Send + 'static,
    {
        if self.power.turn_on() {
            self.kill();
        }
        self.disturbances += 1;
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        self.process = Some(self.handle.spawn(program(stopped)));
        arm_next_death(self);
    }

    #[cfg(test)]
    pub(crate) fn starts(&self) -> u64 {
        self.starts
    }

    pub(super) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    pub(super) fn may_start(&self) -> bool {
        let is_dead = self.died_in_job && self.is_kept_down_once_it_dies;
        self.is_introduced && !self.is_running() && !self.is_kept_down && !self.is_foreign && !is_dead
    }

    /// Tells the process to stop. False: it is not there, or was told before.
    pub(super) fn tell_to_stop(&mut self) -> bool {
        self.stop.take().is_some_and(|stop| stop.send(()).is_ok())
    }

    /// Whether the process was told to stop and still runs.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_running() && self.stop.is_none()
    }

    /// How the process ended, if it did; it is cleared away.
    pub(super) fn reap(&mut self) -> Option<Ending> {
        if !self.process.as_ref()?.is_finished() {
            return None;
        }
        let ending = if self.stop.is_some() { Ending::Unasked } else { Ending::Asked };
        self.crash_disks();
        self.kill();
        Some(ending)
    }

    /// The process, to be waited for.
    pub(super) fn take_process(&mut self) -> Option<JoinHandle<()>> {
        self.process.take()
    }

    pub(super) fn handle(&self) -> NodeHandle {
        Handle::current().get_node(self.handle.id()).expect("a machine is never removed")
    }

    /// Kills the process and frees its sockets; the machine can be started again.
    pub(super) fn kill(&mut self) {
        (self.process, self.stop) = (None, None);
        let (runtime, id) = (Handle::current(), self.handle.id());
        runtime.kill(id);
        runtime.restart(id);
        // A handle belongs to one life of its machine.
        self.handle = self.handle();
        self.power.leave_idle(&self.handle);
        self.clock_control.end_stall();
        self.set_paused(self.is_paused);
    }
}

/// What faults do to it.
impl Machine {
    /// The handles of the process that runs here are worth nothing any more, whichever disk it has.
    pub(super) fn crash_disks(&self) {
        self.disk.crash();
        self.foreign_disk.crash();
    }

    /// Unsynced writes are lost, kept or torn, and the process dies.
    pub(super) fn lose_power(&mut self) {
        self.has_lost_power = true;
        let mut draw = self.draw("power-loss");
        self.disk.power_loss(|| draw.number());
        self.power.turn_off();
        self.kill();
    }

    /// Bits of what its disk holds turn over, here and there.
    pub(crate) fn damage_disk(&mut self, flips: u64) {
        self.is_damaged = true;
        let mut draw = self.draw("rot");
        self.disk.rot(flips, &mut draw);
    }

    /// The n-th next write of its disk will be reported as made, and is not; then the process is killed.
    pub(crate) fn arm_false_write(&mut self, nth: u64, goes: Misplaced) {
        self.is_damaged = true;
        self.disk.arm_false_write(nth, goes, self.draw("false-write").number());
    }

    /// Its process will die in a job of its disk: a power loss cuts its n-th next sync short, or it is killed in the n-th next change
    /// of a file.
    pub(crate) fn arm(&self, death: Death, nth: u64) {
        let purpose = match death {
            Death::PowerLoss => "power-loss-in-sync",
            Death::Crash => "crash-in-change",
        };
        self.disk.arm(death, nth, self.draw(purpose).number());
    }

    /// A paused machine stands still, whatever is started on it; so does one whose clock does.
    pub(super) fn set_paused(&mut self, is_paused: bool) {
        self.disturbances += u64::from(is_paused);
        self.is_paused = is_paused;
        let (runtime, id) = (Handle::current(), self.handle.id());
        match self.is_paused || self.clock_control.stands_still() {
            true => runtime.pause(id),
            false => runtime.resume(id),
        }
    }

    /// Its clock runs fast, or slow, from now on, in parts per million; its wall time is wrong by so many milliseconds.
    pub(super) fn set_clock_error(&self, drift_ppm: i64, skew_ms: i64) {
        self.clock_control.set_drift_ppm(drift_ppm);
        self.clock_control.set_skew_ms(skew_ms);
    }

    /// Its clock goes ahead by so many microseconds at once.
    pub(crate) fn jump_clock_us(&mut self, us: u64) {
        self.disturbances += 1;
        self.clock_control.jump_us(us);
    }

    /// Every job of its disk takes this long from now on.
    pub(super) fn set_disk_time(&self, disk_us: Range) {
        self.disk.set_timing(disk_timing(disk_us));
    }
}

/// A machine that dies again and again is on its way to the next death.
pub(super) fn arm_next_death(machine: &Machine) {
    if let Some((death, within)) = machine.next_death {
        machine.arm(death, machine.draw("next-death").below(within));
    }
}

/// Disks of nodes of other clusters are numbered from here.
const FOREIGN_DISKS: u64 = 1_000;

fn disk_timing(disk_us: Range) -> DiskTiming {
    let span = Duration::from_micros(disk_us.low)..Duration::from_micros(disk_us.high + 1);
    DiskTiming { before: span.clone(), after: span }
}
