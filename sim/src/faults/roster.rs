//! Whom faults may strike: what they draw from, and are checked against.

use std::{collections::BTreeSet, ops::RangeInclusive};

use conclave_checks::draw::Draw;

use super::{
    callers::Callers,
    target::{Aim, Target},
};
use crate::trace::{MachineId, Range, Rhythm};

/// Longer than this takes no message: links would be found dead first.
pub(crate) const LATENCY_US_MAX: u64 = 10_000_000;
/// Longer than this takes no disk for a job: recovery would not end in time.
pub(crate) const DISK_US_MAX: u64 = 10_000_000;
/// With less than this no heartbeat arrives in time.
pub(crate) const BANDWIDTH_MIN: u64 = 50_000;

/// The machines that a scenario may name.
#[derive(Clone, Debug)]
pub struct Roster {
    /// Nodes that found the cluster have the ids from 1 to this.
    pub founders: u64,
    /// Nodes that come later.
    pub newcomers: BTreeSet<u64>,
    pub proxies: u64,
    pub clients: u64,
    /// The id of the node that a fault brings that is drawn next.
    pub next_newcomer: u64,
    /// The fault waits for a moment, which is about a node.
    pub has_subject: bool,
}

/// Draws.
impl Roster {
    /// The ids of the founders.
    pub(crate) fn founders(&self) -> Vec<u64> {
        (1..=self.founders).collect()
    }

    /// As many nodes as founded the cluster: the founders, or whoever is a member when the fault strikes.
    pub(crate) fn nodes(&self, draw: &mut Draw) -> Vec<Target> {
        // Members may be more than founders: each of them is among those that are drawn at some time.
        let first = draw.below(self.founders + 2);
        match draw.chance(50) {
            true => (first..first + self.founders).map(Target::Member).collect(),
            false => self.founders().into_iter().map(Target::Node).collect(),
        }
    }

    /// A minority or a majority of these, never all; nobody only if there is but one.
    pub(crate) fn some_nodes(&self, draw: &mut Draw) -> Vec<Target> {
        let nodes = self.nodes(draw);
        let mut some = draw.some_of(&nodes, 40);
        some.truncate(nodes.len() - 1);
        some
    }

    /// A founder, or whoever is a member when the fault strikes.
    pub(crate) fn any_node(&self, draw: &mut Draw) -> Target {
        let (node, place) = (draw.between(1, self.founders), draw.below(self.founders + 2));
        if draw.chance(50) { Target::Member(place) } else { Target::Node(node) }
    }

    /// A founder, or whoever has a role when the fault strikes; most often the node that its moment is about, if it has one.
    pub(crate) fn any_target(&self, draw: &mut Draw) -> Target {
        let (node, place) = (draw.between(1, self.founders), draw.below(4));
        match draw.below(100) {
            lot if self.has_subject && lot < 70 => Target::Subject,
            0..25 => Target::Leader,
            25..40 => Target::Follower(place),
            40..55 => Target::Newcomer(place),
            _ => Target::Node(node),
        }
    }

    /// A node, as [`Self::any_target`] draws it, or a proxy.
    pub(crate) fn any_machine(&self, draw: &mut Draw) -> Aim {
        let (node, proxy) = (self.any_target(draw), draw.below(self.proxies));
        if draw.chance(20) { Aim::Machine(MachineId::Proxy(proxy)) } else { Aim::Node(node) }
    }

    /// Each proxy is among them or not.
    pub(crate) fn some_proxies(&self, draw: &mut Draw) -> Vec<u64> {
        (0..self.proxies).filter(|_| draw.chance(50)).collect()
    }

    /// Half of the time each client, and whoever operates, is among them or not.
    pub(crate) fn some_callers(&self, draw: &mut Draw) -> Option<Callers> {
        draw.chance(50).then(|| Callers {
            clients: (0..self.clients).filter(|_| draw.chance(50)).collect(),
            operators: draw.chance(50),
        })
    }

    /// A node or a proxy, for which other machines have something to say.
    pub(crate) fn any_server(&self, draw: &mut Draw) -> Aim {
        let node = self.any_node(draw);
        match draw.below(self.founders + self.proxies) {
            lot if lot < self.founders => Aim::Node(node),
            lot => Aim::Machine(MachineId::Proxy(lot - self.founders)),
        }
    }
}

/// Checks of what a scenario file says, each with the name of the field.
impl Roster {
    pub(crate) fn check_node(&self, field: &str, id: u64) -> Result<(), String> {
        if (1..=self.founders).contains(&id) || self.newcomers.contains(&id) {
            return Ok(());
        }
        let newcomers: Vec<String> = self.newcomers.iter().map(u64::to_string).collect();
        match newcomers.is_empty() {
            true => Err(format!("{field}: there is no node {id}, only 1 to {}", self.founders)),
            false => Err(format!(
                "{field}: there is no node {id}, only 1 to {} and the newcomers {}",
                self.founders,
                newcomers.join(", ")
            )),
        }
    }

    pub(crate) fn check_target(&self, field: &str, target: Target) -> Result<(), String> {
        match target {
            Target::Node(id) => self.check_node(field, id),
            Target::Subject if !self.has_subject => {
                Err(format!("{field}: there is no subject without a moment to wait for"))
            }
            Target::Leader
            | Target::Follower(_)
            | Target::Member(_)
            | Target::Newcomer(_)
            | Target::Former(_)
            | Target::Subject => Ok(()),
        }
    }

    pub(crate) fn check_targets(&self, field: &str, targets: &[Target]) -> Result<(), String> {
        targets.iter().try_for_each(|&target| self.check_target(field, target))
    }

    pub(crate) fn check_aim(&self, field: &str, aim: Aim) -> Result<(), String> {
        match aim {
            Aim::Machine(machine) => self.check_machine(field, machine),
            Aim::Node(target) => self.check_target(field, target),
        }
    }

    pub(crate) fn check_proxies(&self, field: &str, numbers: &[u64]) -> Result<(), String> {
        numbers.iter().try_for_each(|&number| check_number(field, "proxy", number, self.proxies))
    }

    pub(crate) fn check_callers(&self, field: &str, callers: Option<&Callers>) -> Result<(), String> {
        let clients = callers.map_or(&[][..], |callers| &callers.clients);
        clients.iter().try_for_each(|&number| self.check_client(&format!("{field}.clients"), number))
    }

    pub(crate) fn check_machine(&self, field: &str, machine: MachineId) -> Result<(), String> {
        match machine {
            MachineId::Node(id) => self.check_node(field, id),
            MachineId::Proxy(number) => check_number(field, "proxy", number, self.proxies),
            MachineId::Client(number) => self.check_client(field, number),
            MachineId::Console => Ok(()),
        }
    }

    pub(crate) fn check_client(&self, field: &str, number: u64) -> Result<(), String> {
        check_number(field, "client", number, self.clients)
    }
}

fn check_number(field: &str, what: &str, number: u64, count: u64) -> Result<(), String> {
    match number < count {
        true => Ok(()),
        false => Err(format!("{field}: there is no {what} {number}, only 0 to {}", count.saturating_sub(1))),
    }
}

/// A range of delays has a lower end and an upper end, and is not without end.
pub(crate) fn check_range(field: &str, Range { low, high }: Range, high_max: u64) -> Result<(), String> {
    if low > high {
        return Err(format!("{field}: low is {low} and high is {high}: low is at most high"));
    }
    match high <= high_max {
        true => Ok(()),
        false => Err(format!("{field}: high is {high}: at most {high_max} is allowed")),
    }
}

/// What is wrong by so much, ahead or behind, is not wrong by more than this.
pub(crate) fn check_deviation(field: &str, deviation: i64, max: u64) -> Result<(), String> {
    match deviation.unsigned_abs() <= max {
        true => Ok(()),
        false => Err(format!("{field}: {deviation} is too much: at most {max} are allowed, ahead or behind")),
    }
}

/// What comes and goes does so within a minute, and is bad for some of the time.
pub(crate) fn check_rhythm(field: &str, Rhythm { period_ms, bad_ms }: Rhythm) -> Result<(), String> {
    check_within(&format!("{field}.period_ms"), period_ms, 1..=60_000)?;
    check_within(&format!("{field}.bad_ms"), bad_ms, 0..=period_ms)
}

/// A number within these bounds.
pub(crate) fn check_within(field: &str, value: u64, allowed: RangeInclusive<u64>) -> Result<(), String> {
    match allowed.contains(&value) {
        true => Ok(()),
        false => Err(format!("{field}: {value} is not allowed: {} to {} is", allowed.start(), allowed.end())),
    }
}

/// The machines of these nodes and proxies.
pub(crate) fn machines(nodes: &[u64], proxies: &[u64]) -> Vec<MachineId> {
    let nodes = nodes.iter().copied().map(MachineId::Node);
    nodes.chain(proxies.iter().copied().map(MachineId::Proxy)).collect()
}
