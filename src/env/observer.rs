//! What the testbed sees of a node: every step of the core and every applied entry, as it happens.

use crate::{
    kv::Header,
    raft::{Effects, Entry, NodeId, Persist, Raft, Snapshot},
};

/// Watches a node. Production has nobody watching; the simulation's oracles live here.
pub trait Observer: Send + Sync + 'static {
    /// The node came up and recovered this from its disk.
    fn started(&self, _core: &Raft) {}

    /// The core took its inputs; these effects are about to be carried out.
    fn stepped(&self, _core: &Raft, _effects: &Effects) {}

    /// The log's disk holds this write from now on; its promises leave next.
    fn persisted(&self, _node: NodeId, _write: &Persist) {}

    /// The state machine applied these entries, in one transaction, and stands at this header.
    fn applied(&self, _node: NodeId, _entries: &[Entry], _header: &Header) {}

    /// A snapshot took the state machine's place, durably; it stands at this header.
    fn installed(&self, _node: NodeId, _snapshot: &Snapshot, _header: &Header) {}
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Observer for Nobody {}
