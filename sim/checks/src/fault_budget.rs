//! What faults may take away for good, so that nothing is lost that the system promises to keep: it promises nothing to whoever
//! destroys the last copy.

use conclave::raft::NodeId;

use crate::{facts::Facts, oracle::Oracle};

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
        let facts = &self.0.inner().facts;
        is_recorded(facts, node) && !facts.lost().any(|lost| facts.has_begun_anew(lost))
    }

    /// Whether a node may lose its data directory, and nothing that was promised is lost: the directory is on record, and no other
    /// member has lost its own. (Any two majorities of the same voters have a node in common besides any one node.) Nor may a majority
    /// of the founders begin anew, members or not: they would found another cluster.
    pub fn can_spare(&self, node: NodeId) -> bool {
        let facts = &self.0.inner().facts;
        is_recorded(facts, node)
            && has_others(facts, node)
            && is_settled(facts)
            && !lacks_a_member(facts)
            && !could_found(facts, node)
    }

    /// Whether a node has lost its data directory: it speaks for the cluster no more.
    pub fn has_lost_disk(&self, node: NodeId) -> bool {
        self.0.inner().facts.lost().any(|lost| lost == node)
    }

    /// Whether no change of members is under way, or known to anybody, and all voters are on record and have what they promised: any
    /// majority of them gets on alone. (A founder that no leader has heard yet cannot help to elect the second one.)
    pub fn is_whole(&self) -> bool {
        let facts = &self.0.inner().facts;
        let latest = facts.committed.latest_configuration();
        let are_recorded =
            latest.is_some_and(|latest| latest.voters.iter().all(|&id| is_recorded(facts, id)));
        are_recorded && is_settled(facts) && !lacks_a_member(facts)
    }

    /// Whether a member has lost its data directory, or stops for good before long.
    pub fn lacks_a_member(&self) -> bool {
        lacks_a_member(&self.0.inner().facts)
    }
}

/// The node's data directory is on record, and so are those of all voters, which hold the founding entry.
fn is_recorded(facts: &Facts, node: NodeId) -> bool {
    let Some(configuration) = facts.committed.latest_configuration() else { return false };
    let is_recorded = |id: &NodeId| configuration.incarnations.contains_key(id);
    let holds_founding_entry = |id: NodeId| facts.node(id).is_none_or(|node| node.disk.last().index > 0);
    is_recorded(&node) && configuration.voters.iter().all(|id| is_recorded(id) && holds_founding_entry(*id))
}

/// The node is a voter, and those that are left are enough.
fn has_others(facts: &Facts, node: NodeId) -> bool {
    let configuration = facts.committed.latest_configuration();
    configuration.is_some_and(|latest| latest.is_voter(node) && latest.voters.len() > 2)
}

/// No change of members is under way, or known to anybody, that would leave too few.
fn is_settled(facts: &Facts) -> bool {
    let Some(latest) = facts.committed.latest_configuration() else { return false };
    let mut known = latest.members().filter_map(|id| facts.node(id)).map(|node| &node.configuration);
    !latest.is_changing() && known.all(|known| known.voters == latest.voters && !known.is_changing())
}

/// With this one, a majority of the founders has begun anew.
fn could_found(facts: &Facts, node: NodeId) -> bool {
    let Some(founders) = facts.node(node).and_then(|node| node.founders.as_ref()) else { return false };
    let begins = |id: &&NodeId| **id == node || facts.has_begun_anew(**id);
    founders.is_voter(node) && 2 * founders.voters.iter().filter(begins).count() > founders.voters.len()
}

fn lacks_a_member(facts: &Facts) -> bool {
    let Some(latest) = facts.committed.latest_configuration() else { return false };
    facts.lost().any(|lost| latest.contains(lost))
}
