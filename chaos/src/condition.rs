//! What faults make true until they heal. Conditions are held side by side, so that faults that overlap do not end each
//! other; what the machines are told follows from all that hold now.

use crate::{
    lab::{Latency, Network, Told, drop_from, drop_some},
    shape::{Machine, Shape},
};

/// EIO of Linux.
const IO_ERROR: i64 = 5;

/// What is true of a machine, or between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Its process does not run.
    Down(Machine),
    /// Its process stands still.
    Paused(Machine),
    /// What the first sends does not arrive at the second.
    Cut { from: Machine, to: Machine },
    /// It loses so many of 1000 packets that reach it.
    Loss { machine: Machine, per_mille: u64 },
    /// Frames of all nodes and proxies take so long, each way.
    SlowNetwork(Latency),
    /// Syncs take longer.
    SlowDisk { machine: Machine, us: u64 },
    /// Its wall clock is ahead.
    ClockAhead { machine: Machine, ms: i64 },
    /// It has no room left.
    FullDisk(Machine),
    /// Syncs fail.
    FailingSync(Machine),
}

/// The conditions that hold, each with the number of its fault.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions(Vec<(usize, Condition)>);

impl Conditions {
    /// A fault brings these.
    pub(crate) fn hold(&mut self, fault: usize, conditions: impl IntoIterator<Item = Condition>) {
        self.0.extend(conditions.into_iter().map(|condition| (fault, condition)));
    }

    /// A fault heals.
    pub(crate) fn heal(&mut self, fault: usize) {
        self.0.retain(|(of, _)| *of != fault);
    }

    /// All heal.
    pub(crate) fn heal_all(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_down(&self, machine: Machine) -> bool {
        self.any(Condition::Down(machine))
    }

    pub(crate) fn is_paused(&self, machine: Machine) -> bool {
        self.any(Condition::Paused(machine))
    }

    pub(crate) fn is_full(&self, machine: Machine) -> bool {
        self.any(Condition::FullDisk(machine))
    }

    /// Its disk does not do what it must.
    pub(crate) fn has_bad_disk(&self, machine: Machine) -> bool {
        self.is_full(machine) || self.any(Condition::FailingSync(machine))
    }

    /// What the library in a node's process is told.
    pub(crate) fn told(&self, of: Machine) -> Told {
        let mut told = Told::default();
        for condition in self.all() {
            match condition {
                Condition::FailingSync(machine) if machine == of => told.sync_errno = IO_ERROR,
                Condition::SlowDisk { machine, us } if machine == of => told.sync_us += us as i64,
                Condition::ClockAhead { machine, ms } if machine == of => told.clock_ms += ms,
                _ => {}
            }
        }
        told
    }

    /// How long frames of nodes and proxies take: of several conditions the slowest counts.
    pub(crate) fn latency(&self) -> Option<Latency> {
        let latency = |condition| match condition {
            Condition::SlowNetwork(latency) => Some(latency),
            _ => None,
        };
        self.all().filter_map(latency).max_by_key(|(_, high)| *high)
    }

    /// What a machine drops.
    pub(crate) fn rules(&self, of: Machine, network: &Network) -> String {
        let mut rules = String::new();
        for condition in self.all() {
            match condition {
                Condition::Cut { from, to } if to == of => {
                    rules += &drop_from(&network.address(&from.short()));
                }
                Condition::Loss { machine, per_mille } if machine == of => {
                    rules += &drop_some(&network.host(), per_mille);
                }
                _ => {}
            }
        }
        rules
    }

    /// Whether a majority of nodes that run, and a proxy that runs, reach each other whole and fast, with disks that work:
    /// then clients must be served before long.
    pub(crate) fn serves(&self, shape: &Shape, runs: impl Fn(Machine) -> bool) -> bool {
        if self.latency().is_some() {
            return false;
        }
        let is_well = |machine: Machine| {
            let loses = |condition| matches!(condition, Condition::Loss { machine: of, .. } if of == machine);
            runs(machine) && !self.is_paused(machine) && !self.has_bad_disk(machine) && !self.all().any(loses)
        };
        let well: Vec<Machine> = shape.nodes().filter(|&node| is_well(node)).collect();
        let proxies: Vec<Machine> = shape.proxies().filter(|&proxy| is_well(proxy)).collect();
        let majority = shape.priorities.len() / 2 + 1;
        // Nodes are few: every set of them is tried.
        (0_u32..1 << well.len()).any(|set| {
            let chosen: Vec<Machine> =
                (0..well.len()).filter(|place| set >> place & 1 == 1).map(|place| well[place]).collect();
            let is_whole = |machine: &Machine| chosen.iter().all(|other| self.reach(*machine, *other));
            chosen.len() >= majority && chosen.iter().all(is_whole) && proxies.iter().any(is_whole)
        })
    }

    /// Both ways are open.
    fn reach(&self, one: Machine, other: Machine) -> bool {
        !self.any(Condition::Cut { from: one, to: other })
            && !self.any(Condition::Cut { from: other, to: one })
    }

    fn any(&self, condition: Condition) -> bool {
        self.all().any(|held| held == condition)
    }

    fn all(&self) -> impl Iterator<Item = Condition> {
        self.0.iter().map(|(_, condition)| *condition)
    }
}

/// The machines of one side reach none of the others, nor are they reached. Clients reach every proxy.
pub(crate) fn cuts_around(side: &[Machine], shape: &Shape) -> Vec<Condition> {
    let others: Vec<Machine> = shape.servers().filter(|machine| !side.contains(machine)).collect();
    cuts_between(side, &others)
}

/// The machines of one side and of the other do not reach each other.
pub(crate) fn cuts_between(side: &[Machine], others: &[Machine]) -> Vec<Condition> {
    let pairs = side.iter().flat_map(|&one| others.iter().map(move |&other| (one, other)));
    pairs.flat_map(|(one, other)| [one_way(one, other), one_way(other, one)]).collect()
}

/// What one sends does not arrive at the other.
pub(crate) fn one_way(from: Machine, to: Machine) -> Condition {
    Condition::Cut { from, to }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N1: Machine = Machine::Node(1);
    const N2: Machine = Machine::Node(2);

    fn serves(conditions: impl IntoIterator<Item = Condition>) -> bool {
        let mut held = Conditions::default();
        held.hold(0, conditions);
        held.serves(&Shape::default(), |machine| !held.is_down(machine))
    }

    #[test]
    fn a_majority_that_is_connected_serves() {
        let shape = Shape::default();
        assert!(serves([]));
        assert!(serves([Condition::Down(N1)]));
        assert!(serves([one_way(N1, N2)]), "nodes 1 and 3 reach each other");
        assert!(serves(cuts_around(&[N1, Machine::Proxy(0)], &shape)));
        assert!(!serves([Condition::Down(N1), Condition::Paused(N2)]));
        assert!(!serves([Condition::Down(N1), Condition::FullDisk(N2)]));
        assert!(!serves([Condition::Down(Machine::Proxy(0)), Condition::Down(Machine::Proxy(1))]));
        assert!(!serves(cuts_around(&[Machine::Proxy(0), Machine::Proxy(1)], &shape)));
    }

    #[test]
    fn faults_that_overlap_do_not_end_each_other() {
        let mut held = Conditions::default();
        held.hold(0, [Condition::Down(N1), Condition::ClockAhead { machine: N1, ms: 5 }]);
        held.hold(1, [Condition::Down(N1)]);
        held.heal(0);
        assert!(held.is_down(N1) && held.told(N1) == Told::default());
        held.heal(1);
        assert!(!held.is_down(N1));
    }
}
