//! A node, by its id or by what it is at the moment when the fault strikes; or another machine.

use std::fmt;

use conclave_checks::FaultBudget;
use serde::{Deserialize, Serialize};

use super::callers::named;
use crate::{
    trace::{Event, MachineId},
    world::World,
};

/// Which node a fault strikes. Stored as the id, as a word (`"leader"`, `"subject"`), or as `{"follower": 0}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub enum Target {
    Node(u64),
    /// The node that leads then: that of the latest term that has one.
    Leader,
    /// Of the members that do not lead then the one at this place, counted from 0 and around.
    Follower(u64),
    /// Of the members then the one at this place.
    Member(u64),
    /// Of those that came after the founders, and are there then, the one at this place.
    Newcomer(u64),
    /// Of those that left the cluster for good the one at this place.
    Former(u64),
    /// The node that the moment is about which the fault has waited for.
    Subject,
}

impl Target {
    /// The node, now. `None`: there is no such node. What is not plain from the scenario is recorded.
    pub(crate) fn resolve(self, world: &World) -> Option<u64> {
        let node = match self {
            Self::Node(id) => return Some(id),
            Self::Leader => world.oracle.leader(),
            Self::Follower(place) => at(&followers(world), place),
            Self::Member(place) => at(&members(world), place),
            Self::Newcomer(place) => at(&newcomers(world), place),
            Self::Former(place) => at(&former_nodes(world), place),
            Self::Subject => world.subject,
        };
        world.recorder.record(Event::Aimed { node });
        node
    }

    /// Its machine.
    pub(crate) fn machine(self, world: &World) -> Option<MachineId> {
        self.resolve(world).map(MachineId::Node)
    }

    /// The nodes that these are now, each once.
    pub(super) fn resolve_all(targets: &[Self], world: &World) -> Vec<u64> {
        let mut nodes = Vec::new();
        for node in targets.iter().filter_map(|target| target.resolve(world)) {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        nodes
    }

    /// Several in words: `nodes [1, 2]`, or `node 1 and member 2`.
    pub(super) fn named(targets: &[Self]) -> String {
        let id = |target: &Self| if let Self::Node(id) = *target { Some(id) } else { None };
        match targets.iter().map(id).collect::<Option<Vec<u64>>>() {
            Some(ids) => named("nodes", &ids),
            None => targets.iter().map(Self::to_string).collect::<Vec<_>>().join(" and "),
        }
    }
}

/// A machine that a fault strikes, or a line begins or ends at: `{"proxy": 0}`, `{"node": 1}`; or a node by what it is then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a machine is {\"node\": 1}, {\"proxy\": 0} or {\"client\": 0}, or a node as a target is"
)]
pub enum Aim {
    Machine(MachineId),
    Node(Target),
}

impl Aim {
    pub(crate) fn is_node(self) -> bool {
        matches!(self, Self::Node(_) | Self::Machine(MachineId::Node(_)))
    }

    /// The machine, now. `None`: there is none.
    pub(crate) fn machine(self, world: &World) -> Option<MachineId> {
        match self {
            Self::Machine(machine) => Some(machine),
            Self::Node(target) => target.machine(world),
        }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(machine) => machine.fmt(f),
            Self::Node(target) => target.fmt(f),
        }
    }
}

fn at(nodes: &[u64], place: u64) -> Option<u64> {
    let count = nodes.len() as u64;
    (count > 0).then(|| nodes[(place % count) as usize])
}

/// The members, by their ids.
fn members(world: &World) -> Vec<u64> {
    world.oracle.configuration().members().collect()
}

/// The members that do not lead, by their ids.
fn followers(world: &World) -> Vec<u64> {
    let leader = world.oracle.leader();
    members(world).into_iter().filter(|id| Some(*id) != leader).collect()
}

/// The nodes that came later than the founders, and did not leave for good, by their ids.
fn newcomers(world: &World) -> Vec<u64> {
    let founders = world.shape.priorities.len() as u64;
    world.known_nodes().into_iter().filter(|id| *id > founders).collect()
}

/// The nodes that have left for good, and whose disks are as they left them.
fn former_nodes(world: &World) -> Vec<u64> {
    let gone = world.oracle.configuration().gone.clone();
    let budget = FaultBudget::of(&world.oracle);
    let is_whole = |id: &u64| !budget.has_lost_disk(*id);
    gone.into_iter().filter(is_whole).collect()
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => write!(f, "node {id}"),
            Self::Leader => f.write_str("the leader"),
            Self::Follower(place) => write!(f, "follower {place}"),
            Self::Member(place) => write!(f, "member {place}"),
            Self::Newcomer(place) => write!(f, "newcomer {place}"),
            Self::Former(place) => write!(f, "former node {place}"),
            Self::Subject => f.write_str("that node"),
        }
    }
}

/// How a target is stored.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a target is a node's id, \"leader\", \"subject\", {\"follower\": 0}, {\"member\": 0} or {\"newcomer\": 0}"
)]
enum Stored {
    Node(u64),
    Role(Role),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Role {
    Leader,
    Subject,
    Follower(u64),
    Member(u64),
    Newcomer(u64),
    Former(u64),
}

impl From<Stored> for Target {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Node(id) => Self::Node(id),
            Stored::Role(Role::Leader) => Self::Leader,
            Stored::Role(Role::Subject) => Self::Subject,
            Stored::Role(Role::Follower(place)) => Self::Follower(place),
            Stored::Role(Role::Member(place)) => Self::Member(place),
            Stored::Role(Role::Newcomer(place)) => Self::Newcomer(place),
            Stored::Role(Role::Former(place)) => Self::Former(place),
        }
    }
}

impl From<Target> for Stored {
    fn from(target: Target) -> Self {
        Self::Role(match target {
            Target::Node(id) => return Self::Node(id),
            Target::Leader => Role::Leader,
            Target::Subject => Role::Subject,
            Target::Follower(place) => Role::Follower(place),
            Target::Member(place) => Role::Member(place),
            Target::Newcomer(place) => Role::Newcomer(place),
            Target::Former(place) => Role::Former(place),
        })
    }
}
