//! What the testbed sees of a node: every step of the core and every applied entry, as it happens; and of a proxy: how its calls
//! stand after every step.

use std::{collections::BTreeSet, time::Duration};

use crate::raft::{Effects, Entry, Index, NodeId, Persist, Raft, Snapshot, StreamId, Term};

/// Watches a node, or a proxy. Production has nobody watching; the simulation's oracles live here.
pub trait Observer: Send + Sync + 'static {
    /// The node came up and recovered this from its disk; its state stands at an index, and has this hash.
    fn started(&self, _core: &Raft, _applied: Index, _state_hash: u64) {}

    /// The core took its inputs; these effects are about to be carried out.
    fn stepped(&self, _core: &Raft, _effects: &Effects) {}

    /// The core was asked for a read, and gave it this name.
    fn read_asked(&self, _node: NodeId, _read: u64) {}

    /// Time passed at the core by one tick; the longest election timeout lasts so many.
    fn ticked(&self, _core: &Raft, _election_ticks_max: u32) {}

    /// Something that another node sent has reached the core.
    fn heard(&self, _node: NodeId) {}

    /// The core was told how a stream of its own ended, and learned something of the receiver, or nothing.
    fn stream_ended(&self, _node: NodeId, _stream: StreamId, _is_believed: bool) {}

    /// The log's disk holds this write from now on; its promises leave next.
    fn persisted(&self, _node: NodeId, _write: &Persist) {}

    /// The state machine applied these entries, in one transaction, and its state has this hash.
    fn applied(&self, _node: NodeId, _entries: &[Entry], _state_hash: u64) {}

    /// A snapshot took the state machine's place, durably, and its state has this hash.
    fn installed(&self, _node: NodeId, _snapshot: &Snapshot, _state_hash: u64) {}

    /// The proxy took its inputs and carried out what follows; its calls stand so.
    fn routed(&self, _routing: &dyn Fn() -> Routing) {}
}

/// How the calls of a proxy stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// Whom it sends them to: the node that it takes for the leader and has an open link to, and of which term.
    pub leader: Option<(Term, NodeId)>,
    /// The nodes that it has open links to.
    pub linked: BTreeSet<NodeId>,
    /// For how long the first of the calls waits that are about one small key, and that the leader is to answer.
    pub first_wait: Option<Duration>,
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Observer for Nobody {}
