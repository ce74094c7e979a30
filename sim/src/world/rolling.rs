//! A rolling restart: each machine is told to stop, and started again when it has, before it is the next one's turn.

use std::collections::VecDeque;

use super::{clock::now_ns, machines::Machines};
use crate::trace::MachineId;

/// Who does not stop by then is killed, as an operating system does.
const PATIENCE_NS: u64 = 5_000_000_000;

/// The machines that wait for their turn.
#[derive(Default)]
pub(crate) struct Rolling {
    waiting: VecDeque<MachineId>,
    pause_ns: u64,
    /// The next one's turn is not before this.
    next_ns: u64,
    /// Who was told to stop, and until when it may take.
    stopping: Option<(MachineId, u64)>,
}

impl Rolling {
    /// These are to be restarted, after those that wait.
    pub(crate) fn begin(&mut self, machines: Vec<MachineId>, pause_ms: u64) {
        self.pause_ns = pause_ms * 1_000_000;
        self.waiting.extend(machines);
    }

    /// Goes on with it, if there is one.
    pub(crate) fn go_on(&mut self, machines: &mut Machines) {
        let now = now_ns();
        if let Some((machine, until_ns)) = self.stopping {
            if machines.is_running(machine) && now < until_ns {
                return;
            }
            start_after_stop(machines, machine);
            (self.stopping, self.next_ns) = (None, now + self.pause_ns);
        }
        if now < self.next_ns {
            return;
        }
        if let Some(machine) = self.waiting.pop_front() {
            machines.tell_to_stop(machine);
            self.stopping = Some((machine, now + PATIENCE_NS));
        }
    }

    /// Nobody else is restarted.
    pub(crate) fn end(&mut self, machines: &mut Machines) {
        let stopping = std::mem::take(self).stopping;
        stopping.into_iter().for_each(|(machine, _)| start_after_stop(machines, machine));
    }
}

fn start_after_stop(machines: &mut Machines, machine: MachineId) {
    if machines.machine(machine).is_stopping() {
        machines.crash(machine);
    }
    machines.bring_up(machine);
}
