//! Every step of every node, shown to the oracle.

use conclave::{
    env::Observer,
    raft::{Effects, Entry, NodeId, Persist, Raft, Snapshot},
};
use conclave_checks::Oracle;

/// What nodes are handed as their observer.
pub(super) struct OracleObserver(pub(super) Oracle);

impl Observer for OracleObserver {
    fn started(&self, core: &Raft) {
        self.0.started(core);
    }

    fn stepped(&self, core: &Raft, effects: &Effects) {
        self.0.stepped(core, effects);
    }

    fn read_asked(&self, node: NodeId, read: u64) {
        self.0.read_asked(node, read);
    }

    fn persisted(&self, node: NodeId, write: &Persist) {
        self.0.persisted(node, write);
    }

    fn applied(&self, node: NodeId, entries: &[Entry], state_hash: u64) {
        self.0.applied(node, entries, state_hash);
    }

    fn installed(&self, node: NodeId, snapshot: &Snapshot, state_hash: u64) {
        self.0.installed(node, snapshot, state_hash);
    }
}
