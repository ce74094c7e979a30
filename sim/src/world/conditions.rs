//! What faults hold at present, counted.

use std::{collections::BTreeMap, time::Duration};

use conclave::rpc::{self, LineFaults};

use super::disk::Death;
use crate::trace::{Astray, Condition, DiskErrors, MachineId, Poor, Range, Rhythm};

/// A little less than the drift that nodes read by lease with (`Shape::stated_drift_percent`): beyond that they promise nothing.
const CLOCK_DRIFT_PPM_MAX: i64 = 90_000;

/// The drift of a clock that does not run.
const STANDS_STILL_PPM: i64 = -1_000_000;

/// The conditions that hold, each with the number of faults that hold it.
#[derive(Debug, Default)]
pub(super) struct Conditions(BTreeMap<Condition, usize>);

impl Conditions {
    pub(super) fn hold(&mut self, condition: Condition) {
        *self.0.entry(condition).or_default() += 1;
    }

    pub(super) fn release(&mut self, condition: Condition) {
        let count = self.0.get_mut(&condition).expect("what is released is held");
        *count -= 1;
        if *count == 0 {
            self.0.remove(&condition);
        }
    }

    pub(super) fn is_held(&self, condition: Condition) -> bool {
        self.0.contains_key(&condition)
    }

    /// A node of another cluster runs somewhere.
    pub(super) fn has_foreign_node(&self) -> bool {
        self.0.keys().any(|condition| matches!(condition, Condition::Foreign(_)))
    }

    /// The time that a machine's disk takes for a job: the slowest of what holds, or `healthy`.
    pub(super) fn disk_us(&self, of: MachineId, healthy: Range) -> Range {
        let held = self.0.keys().filter_map(|condition| match condition {
            Condition::SlowDisk { machine, disk_us } if *machine == of => Some(*disk_us),
            _ => None,
        });
        held.fold(healthy, Range::slower)
    }

    /// Whether a machine's disk takes longer than a sound one, or stands still.
    pub(super) fn has_slow_disk(&self, of: MachineId) -> bool {
        self.0.keys().any(|condition| match condition {
            Condition::SlowDisk { machine, .. } | Condition::StalledDisk(machine) => *machine == of,
            _ => false,
        })
    }

    /// How a machine's disk fails: in each way as often as the worst of what holds.
    pub(super) fn disk_errors(&self, of: MachineId) -> DiskErrors {
        let held = self.0.keys().filter_map(|condition| match condition {
            Condition::FailingDisk { machine, errors } if *machine == of => Some(*errors),
            _ => None,
        });
        held.fold(DiskErrors::default(), DiskErrors::worse)
    }

    /// How much too fast a machine's clock runs, in parts per million: what is held adds up, within what nodes that read by
    /// lease are told to expect.
    pub(super) fn clock_drift_ppm(&self, of: MachineId) -> i64 {
        let held = self.0.keys().filter_map(|condition| match condition {
            Condition::ClockDrift { machine, ppm } if *machine == of => Some(*ppm),
            _ => None,
        });
        if self.is_held(Condition::Suspended(of)) {
            return STANDS_STILL_PPM;
        }
        held.sum::<i64>().clamp(-CLOCK_DRIFT_PPM_MAX, CLOCK_DRIFT_PPM_MAX)
    }

    /// How a machine dies that does so again and again, and within how many changes of its files, or syncs: the soonest of what
    /// holds.
    pub(super) fn next_death(&self, of: MachineId) -> Option<(Death, u64)> {
        let held = self.0.keys().filter_map(|condition| match *condition {
            Condition::DiesAgain { machine, loses_power, within } if machine == of => {
                Some((if loses_power { Death::PowerLoss } else { Death::Crash }, within))
            }
            _ => None,
        });
        held.min_by_key(|(_, within)| *within)
    }

    /// Whether a machine stands still.
    pub(super) fn is_paused(&self, machine: MachineId) -> bool {
        self.is_held(Condition::Paused(machine)) || self.is_held(Condition::Suspended(machine))
    }

    /// Whether something hampers a machine by itself. (Its wall time may be wrong: no timer goes by it. So may its log be short.)
    pub(super) fn is_disturbed(&self, machine: MachineId) -> bool {
        let hampers = |condition: &Condition| {
            let is_harmless = matches!(condition, Condition::ClockSkew { .. } | Condition::Compacts(_));
            condition.machine() == Some(machine) && !is_harmless
        };
        self.0.keys().any(hampers)
    }

    /// Whether something hampers all machines: the network, or more load than a proxy was made for.
    pub(super) fn is_everybody_disturbed(&self) -> bool {
        let is_of_all = |condition: &Condition| {
            matches!(condition, Condition::SlowNetwork { .. } | Condition::Flood { .. })
        };
        self.0.keys().any(is_of_all)
    }

    /// Whether nothing is wrong with a line.
    pub(super) fn is_sound_line(&self, from: MachineId, to: MachineId) -> bool {
        self.0.keys().all(|condition| condition.line() != Some((from, to)))
    }

    /// Whether anything that is sent on a line may arrive.
    pub(super) fn may_arrive(&self, from: MachineId, to: MachineId) -> bool {
        !self.is_held(Condition::Cut { from, to }) && !self.is_held(Condition::Refused { from, to })
    }

    /// How far a machine's wall time is ahead, in milliseconds: what is held adds up.
    pub(super) fn clock_skew_ms(&self, of: MachineId) -> i64 {
        let held = self.0.keys().filter_map(|condition| match condition {
            Condition::ClockSkew { machine, ms } if *machine == of => Some(*ms),
            _ => None,
        });
        held.sum()
    }

    /// The bandwidth of a machine's links: the least of what holds, or `None`.
    pub(super) fn bytes_per_s(&self, of: MachineId) -> Option<u64> {
        let held = self.0.keys().filter_map(|condition| match condition {
            Condition::SlowLink { machine, bytes_per_s } if *machine == of => Some(*bytes_per_s),
            _ => None,
        });
        held.min()
    }

    /// What is wrong with a line: all that holds, together.
    pub(super) fn line_faults(&self, from: MachineId, to: MachineId) -> LineFaults {
        let mut faults = LineFaults::default();
        for condition in self.0.keys().filter(|condition| condition.line() == Some((from, to))) {
            match *condition {
                Condition::Cut { .. } => faults.is_cut = true,
                Condition::Refused { .. } => faults.refuses = true,
                Condition::Flapping { rhythm, .. } => faults.flapping.push(rhythm_of(rhythm)),
                Condition::PoorLine { poor, .. } => faults.poor.push(poor_of(poor)),
                Condition::Astray { astray, .. } => faults.astray.push(astray_of(astray)),
                _ => {}
            }
        }
        faults
    }

    /// The latency of a message: the slowest of what holds, or `healthy`.
    pub(super) fn latency_us(&self, healthy: Range) -> Range {
        let held = self.0.keys().filter_map(|condition| match condition {
            Condition::SlowNetwork { latency_us } => Some(*latency_us),
            _ => None,
        });
        held.fold(healthy, Range::slower)
    }
}

fn rhythm_of(Rhythm { period_ms, bad_ms }: Rhythm) -> rpc::Rhythm {
    rpc::Rhythm { period: Duration::from_millis(period_ms), bad: Duration::from_millis(bad_ms) }
}

fn poor_of(Poor { rhythm, latency_us, lost_percent, breaking_permille }: Poor) -> rpc::Poor {
    let latency = [latency_us.low, latency_us.high].map(Duration::from_micros);
    rpc::Poor { rhythm: rhythm_of(rhythm), latency, lost_percent, breaking_permille }
}

fn astray_of(Astray { lost_percent, doubled_percent, late_percent, late_ms }: Astray) -> rpc::Astray {
    let late = [late_ms.low, late_ms.high].map(Duration::from_millis);
    rpc::Astray { lost_percent, doubled_percent, late_percent, late }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEALTHY: Range = Range { low: 1, high: 2 };

    #[test]
    fn a_condition_ends_when_the_last_fault_that_holds_it_heals() {
        let mut conditions = Conditions::default();
        let down = Condition::Down(MachineId::Node(1));
        conditions.hold(down);
        conditions.hold(down);
        conditions.release(down);
        assert!(conditions.is_held(down));
        conditions.release(down);
        assert!(!conditions.is_held(down));
    }

    #[test]
    fn of_two_slow_disks_the_slower_counts_and_the_other_is_not_forgotten() {
        let mut conditions = Conditions::default();
        let machine = MachineId::Node(1);
        let slow = Condition::SlowDisk { machine, disk_us: Range { low: 10, high: 50 } };
        let slower = Condition::SlowDisk { machine, disk_us: Range { low: 5, high: 100 } };
        conditions.hold(slow);
        conditions.hold(slower);
        assert_eq!(conditions.disk_us(machine, HEALTHY), Range { low: 10, high: 100 });
        assert_eq!(conditions.disk_us(MachineId::Node(2), HEALTHY), HEALTHY);
        conditions.release(slower);
        assert_eq!(conditions.disk_us(machine, HEALTHY), Range { low: 10, high: 50 });
        conditions.release(slow);
        assert_eq!(conditions.disk_us(machine, HEALTHY), HEALTHY);
    }

    #[test]
    fn of_two_failing_disks_each_error_counts() {
        let mut conditions = Conditions::default();
        let machine = MachineId::Node(1);
        let failing = |errors| Condition::FailingDisk { machine, errors };
        let unreadable = failing(DiskErrors { reads_permille: 5, ..DiskErrors::default() });
        let full = failing(DiskErrors { reads_permille: 1, is_full: true, ..DiskErrors::default() });
        conditions.hold(unreadable);
        conditions.hold(full);
        let both = DiskErrors { reads_permille: 5, is_full: true, ..DiskErrors::default() };
        assert_eq!(conditions.disk_errors(machine), both);
        conditions.release(unreadable);
        conditions.release(full);
        assert_eq!(conditions.disk_errors(machine), DiskErrors::default());
    }

    #[test]
    fn of_two_slow_links_of_a_machine_the_slower_counts() {
        let mut conditions = Conditions::default();
        let machine = MachineId::Node(1);
        let slow = Condition::SlowLink { machine, bytes_per_s: 200 };
        let slower = Condition::SlowLink { machine, bytes_per_s: 100 };
        conditions.hold(slow);
        conditions.hold(slower);
        assert_eq!(conditions.bytes_per_s(machine), Some(100));
        assert_eq!(conditions.bytes_per_s(MachineId::Node(2)), None);
        conditions.release(slower);
        assert_eq!(conditions.bytes_per_s(machine), Some(200));
        conditions.release(slow);
        assert_eq!(conditions.bytes_per_s(machine), None);
    }

    #[test]
    fn what_is_wrong_with_a_line_adds_up_and_each_fault_ends_its_own() {
        let mut conditions = Conditions::default();
        let (from, to) = (MachineId::Node(1), MachineId::Proxy(0));
        let flapping = |bad_ms| Condition::Flapping { from, to, rhythm: Rhythm { period_ms: 100, bad_ms } };
        for condition in [Condition::Cut { from, to }, flapping(20), flapping(30)] {
            conditions.hold(condition);
        }
        let faults = conditions.line_faults(from, to);
        assert!(faults.is_cut);
        assert_eq!(faults.flapping.len(), 2);
        conditions.release(Condition::Cut { from, to });
        conditions.release(flapping(20));
        let faults = conditions.line_faults(from, to);
        assert!(!faults.is_cut);
        assert_eq!(faults.flapping.len(), 1);
        assert_eq!(conditions.line_faults(to, from), LineFaults::default());
    }

    #[test]
    fn of_two_slow_networks_the_slower_counts() {
        let mut conditions = Conditions::default();
        let slow = Condition::SlowNetwork { latency_us: Range { low: 10, high: 50 } };
        conditions.hold(slow);
        conditions.hold(Condition::SlowNetwork { latency_us: Range { low: 0, high: 70 } });
        assert_eq!(conditions.latency_us(HEALTHY), Range { low: 10, high: 70 });
        conditions.release(slow);
        assert_eq!(conditions.latency_us(HEALTHY), Range { low: 1, high: 70 });
    }
}
