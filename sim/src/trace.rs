//! The one stream of events of a run. Its hash is the proof that two runs were the same; its tail explains a failure.

use std::{
    collections::VecDeque,
    fmt,
    hash::{Hash, Hasher},
};

use conclave::raft::RoleName;

use crate::scenario::Kind;

/// Events that a failure report shows.
const TAIL_LENGTH: usize = 60;

/// Something that happened, in simulated time.
#[derive(Clone, Debug)]
pub struct Event {
    /// Nanoseconds since the run began.
    pub at_ns: u64,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, Hash)]
pub enum What {
    /// A fault struck.
    Fault(String),
    /// A fault healed.
    Healed(String),
    /// A node came up.
    Started {
        /// Which.
        node: u64,
        /// The term it remembers.
        term: u64,
        /// The end of its log.
        last: u64,
    },
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
    /// A node's core took a step that others can see.
    Step {
        /// Which node.
        node: u64,
        /// Its role.
        role: RoleName,
        /// Its term.
        term: u64,
        /// The end of its log.
        last: u64,
        /// Its commit index.
        commit: u64,
    },
    /// A node applied an entry.
    Applied {
        /// Which node.
        node: u64,
        /// The entry's index.
        index: u64,
        /// The hash of its state thereafter.
        state_hash: u64,
    },
    /// A snapshot took the place of a node's state.
    Installed {
        /// Which node.
        node: u64,
        /// The last entry in it.
        index: u64,
    },
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

/// The events of a run, as a running hash and a tail.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hash: StableHash,
    length: u64,
    tail: VecDeque<Event>,
    keep_all: bool,
}

impl Trace {
    /// A trace that keeps every event, for a replay.
    pub fn keeping_all() -> Self {
        Self { keep_all: true, ..Self::default() }
    }

    /// Adds an event.
    pub fn push(&mut self, at_ns: u64, what: What) {
        at_ns.hash(&mut self.hash);
        what.hash(&mut self.hash);
        self.length += 1;
        if !self.keep_all && self.tail.len() == TAIL_LENGTH {
            self.tail.pop_front();
        }
        self.tail.push_back(Event { at_ns, what });
    }

    /// The hash of all events so far.
    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }

    /// How many there were.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The latest events, or all if the trace keeps them.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.tail.iter()
    }
}

/// FNV-1a with a final mix: the same on every machine and in every release of the standard library.
#[derive(Clone, Debug)]
pub struct StableHash(u64);

impl Default for StableHash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for StableHash {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x0100_0000_01b3);
        self.0 ^= self.0 >> 29;
    }

    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }
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

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10.3} ms  ", self.at_ns as f64 / 1e6)?;
        match &self.what {
            What::Fault(fault) => write!(f, "✗ {fault}"),
            What::Healed(fault) => write!(f, "✓ healed: {fault}"),
            What::Started { node, term, last } => {
                write!(f, "node {node}   started in term {term}, log to {last}")
            }
            What::Stopped { node, why } => write!(f, "node {node}   stopped: {why}"),
            What::Ended { node } => write!(f, "node {node}   ended"),
            What::Changed(outcome) => write!(f, "operator ◀ {outcome}"),
            What::Step { node, role, term, last, commit } => {
                write!(f, "node {node}   {role} in term {term}, log to {last}, commit {commit}")
            }
            What::Applied { node, index, state_hash } => {
                write!(f, "node {node}   applied {index}, state {state_hash:016x}")
            }
            What::Installed { node, index } => write!(f, "node {node}   goes on from a snapshot at {index}"),
            What::Invoked { client, operation } => write!(f, "client {client} ▶ {operation}"),
            What::Returned { client, outcome } => write!(f, "client {client} ◀ {outcome}"),
            What::Phase(phase) => write!(f, "── {phase} ──"),
        }
    }
}
