//! What can happen in a run.

use std::fmt;

use conclave_checks::CoreEvent;

use crate::scenario::Kind;

/// The events of a run.
pub type Trace = conclave_checks::Trace<What>;

/// What can happen.
#[derive(Clone, Debug, Hash)]
pub enum What {
    /// A fault struck.
    Fault(String),
    /// A fault healed.
    Healed(String),
    /// A node's core did something.
    Core(CoreEvent),
    /// A node's process ended by itself.
    Stopped {
        /// Which.
        node: u64,
        /// Why.
        why: String,
    },
    /// A node's process ended because it was told to, or is no member any more.
    Ended {
        /// Which.
        node: u64,
    },
    /// What became of an operator's change of members.
    Changed(String),
    /// A client asked for something.
    Invoked {
        /// Which client.
        client: u64,
        /// What.
        operation: String,
    },
    /// A client got its answer.
    Returned {
        /// Which client.
        client: u64,
        /// What.
        outcome: String,
    },
    /// The run entered its next phase.
    Phase(&'static str),
}

/// A fault in a few words.
pub fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Crash { node } => format!("crash of node {node}"),
        Kind::PowerLoss { node } => format!("power loss of node {node}"),
        Kind::PowerLossInSync { node, nth } => {
            format!("power loss of node {node} in its sync number {nth} from now")
        }
        Kind::Blackout => "power loss of every node".to_owned(),
        Kind::Pause { node } => format!("pause of node {node}"),
        Kind::Partition { side, proxies } => {
            format!("partition of nodes {side:?} and proxies {proxies:?} from the rest")
        }
        Kind::IsolatedLeader { proxies } => {
            format!("partition of the leader and proxies {proxies:?} from the rest")
        }
        Kind::CutOneWay { from, to } => format!("cut of the way from node {from} to node {to}"),
        Kind::Deaf { node, inbound: true } => format!("node {node} hears nobody"),
        Kind::Deaf { node, inbound: false } => format!("nobody hears node {node}"),
        Kind::SlowNetwork { latency_us } => {
            format!("slow network, {} to {} ms a message", latency_us.low / 1000, latency_us.high / 1000)
        }
        Kind::SlowDisk { node, disk_us } => {
            format!("slow disk of node {node}, {} to {} ms a job", disk_us.low / 1000, disk_us.high / 1000)
        }
        Kind::Stop { node } => format!("stop of node {node}"),
        Kind::Transfer { to } => format!("transfer of leadership to node {to}"),
        Kind::Replace { node, new } => format!("node {new} replaces node {node}"),
        Kind::Join { new, learner: false } => format!("node {new} joins"),
        Kind::Join { new, learner: true } => format!("node {new} joins as a learner"),
        Kind::Leave { node } => format!("node {node} leaves"),
        Kind::ProxyCrash { proxy } => format!("crash of proxy {proxy}"),
        Kind::ClientCrash { client } => format!("Ctrl+C of client {client}"),
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Fault(fault) => write!(f, "✗ {fault}"),
            What::Healed(fault) => write!(f, "✓ healed: {fault}"),
            What::Core(event) => event.fmt(f),
            What::Stopped { node, why } => write!(f, "node {node}   stopped: {why}"),
            What::Ended { node } => write!(f, "node {node}   ended"),
            What::Changed(outcome) => write!(f, "operator ◀ {outcome}"),
            What::Invoked { client, operation } => write!(f, "client {client} ▶ {operation}"),
            What::Returned { client, outcome } => write!(f, "client {client} ◀ {outcome}"),
            What::Phase(phase) => write!(f, "── {phase} ──"),
        }
    }
}
