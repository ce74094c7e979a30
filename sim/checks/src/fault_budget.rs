//! What faults may take away for good, so that nothing is lost that the system promises to keep: it promises nothing to whoever
//! destroys the last copy.

use conclave::raft::NodeId;

use crate::oracle::Oracle;

/// Asked before a disk is lost or damaged, and told of it.
pub struct FaultBudget<'a>(&'a Oracle);

impl<'a> FaultBudget<'a> {
    /// By what this oracle knows.
    pub fn of(oracle: &'a Oracle) -> Self {
        Self(oracle)
    }

    /// A node's data directory is gone. Should it begin anew nothing that it does counts, or is watched: whoever relies on it
    /// breaks a rule. See [`FaultBudget::can_spare`].
    pub fn disk_lost(&self, node: NodeId) {
        self.0.inner().facts.note_lost_disk(node);
    }

    /// A node's data directory is damaged: the node may stop for good. See [`FaultBudget::can_spare`].
    pub fn disk_damaged(&self, node: NodeId) {
        self.0.inner().facts.note_damaged_disk(node);
    }

    /// Whether another node may stand in a node's place, at its address and under its number: the cluster knows the difference by
    /// the data directory on record. So it must be on record, as must those of all voters, which hold the founding entry; and nobody may
    /// have lost its disk. (Two nodes of three with empty disks found a cluster, whoever is the third.)
    pub fn can_be_impersonated(&self, node: NodeId) -> bool {
        self.0.inner().facts.can_be_impersonated(node)
    }

    /// Whether a node may lose its data directory, and nothing that was promised is lost: the directory is on record, and no other
    /// member has lost its own. (Any two majorities of the same voters have a node in common besides any one node.)
    pub fn can_spare(&self, node: NodeId) -> bool {
        self.0.inner().facts.can_spare(node)
    }

    /// Whether a member has lost its data directory, or stops for good before long.
    pub fn lacks_a_member(&self) -> bool {
        self.0.inner().facts.lacks_a_member()
    }
}
