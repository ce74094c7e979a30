//! The power of a machine: without it nobody answers, not even to say that the process is not there.

use conclave::rpc::swallow;
use madsim::runtime::NodeHandle;

use super::{addresses, network};
use crate::trace::MachineId;

/// A machine's power. It is on at first.
pub(super) struct Power {
    machine: MachineId,
    is_on: bool,
}

impl Power {
    pub(super) fn of(machine: MachineId) -> Self {
        Self { machine, is_on: true }
    }

    /// Before the processes are killed: they do not say goodbye.
    pub(super) fn turn_off(&mut self) {
        self.is_on = false;
        network::set_power(self.machine, false);
    }

    /// True: it was off.
    pub(super) fn turn_on(&mut self) -> bool {
        network::set_power(self.machine, true);
        !std::mem::replace(&mut self.is_on, true)
    }

    /// Nothing runs on the machine now. Without power it does not refuse what is sent to it.
    pub(super) fn leave_idle(&self, machine: &NodeHandle) {
        if !self.is_on
            && let Some(address) = addresses::served(self.machine)
        {
            machine.spawn(swallow(address));
        }
    }
}
