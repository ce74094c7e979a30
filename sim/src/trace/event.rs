//! What can happen in a run.

use std::fmt;

use conclave_checks::CoreEvent;
use serde::{Deserialize, Serialize};

use super::{Answer, Call, Condition, LargeEvent, MachineId, Mistake, Moment};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The run entered its next phase.
    Phase(Phase),
    /// These machines are healed, and must get on alone; what is wrong with the others stays as it is.
    Healed { machines: Vec<MachineId>, stays: Vec<Condition> },
    /// Something became of a fault; the number is its place in the scenario.
    Fault { fault: usize, event: FaultEvent },
    /// What the fault that has just struck aims at is this node; none: there is no such node.
    Aimed { node: Option<u64> },
    /// Something became of a machine's process.
    Machine { machine: MachineId, event: MachineEvent },
    /// What a node's core did, or the disk and the state machine beside it.
    Core(CoreEvent),
    /// A client asked or was told something; operations are counted through the run.
    Client { client: u64, operation: usize, event: ClientEvent },
    /// A client of large values asked or was told something.
    Large(LargeEvent),
    /// An operator asked or was told something.
    Operator { change: Change, event: OperatorEvent },
}

/// The phases of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Chaos,
    /// A core is healed, or everything is.
    Ending,
    Recovery,
    Judgement,
}

/// What becomes of a fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultEvent {
    /// Its time has come, and it waits for this.
    Waits(Moment),
    /// What it waits for happens at this node.
    Met {
        node: Option<u64>,
    },
    /// It has waited in vain.
    Waited,
    Struck,
    /// It has found nothing to strike.
    Missed,
    /// These conditions last until it heals.
    Holds(Vec<Condition>),
    Healed,
}

/// What becomes of a machine's process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineEvent {
    Started,
    /// Killed; what it gave to its operating system survives.
    Killed,
    /// Killed by a power loss; what was not synced is lost, kept or torn.
    LostPower,
    ToldToStop,
    /// It ended because it was told to, or because it is no member any more.
    Ended,
    /// It ended by itself, with this error.
    Failed {
        error: String,
    },
}

/// What a client asks and is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientEvent {
    Called(Call),
    Answered(Answer),
}

/// What an operator asks of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Other members: voters and learners to add, and nodes to remove.
    Members { voters: Vec<u64>, learners: Vec<u64>, remove: Vec<u64> },
    /// Members that the cluster knows by a wrong address.
    Move { members: Vec<u64> },
    /// A learner is to vote.
    Promote { node: u64 },
    /// Another leader.
    Transfer { to: u64 },
    /// What cannot be.
    Mistaken(Mistake),
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorEvent {
    Asked,
    Done,
    Refused {
        error: String,
    },
    /// Asked so often in vain that the operator lets it be.
    GivenUp,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transfer { to } => write!(f, "leadership to node {to}"),
            Self::Promote { node } => write!(f, "promote node {node}"),
            Self::Move { members } => write!(f, "move {members:?}"),
            Self::Mistaken(mistake) => write!(f, "by mistake {mistake}"),
            Self::Members { voters, learners, remove } => {
                let parts = [("add", voters), ("add as learners", learners), ("remove", remove)];
                let told = parts.iter().filter(|(_, ids)| !ids.is_empty());
                let told: Vec<String> = told.map(|(what, ids)| format!("{what} {ids:?}")).collect();
                f.write_str(&told.join(", "))
            }
        }
    }
}
