//! Leadership that is handed over.

use conclave::raft::RoleName;

use crate::{
    facts::{Facts, Node},
    observation::Step,
    probe::{Probe, Reached},
};

pub(super) fn ends(facts: &Facts, node: &Node, step: &Step<'_>, reached: &mut Reached) {
    let (core, after) = (step.core, step.after);
    let leads_on = after.role == RoleName::Leader && !after.begins_to_lead(step.before);
    if leads_on && node.transferring.is_some() && core.transferring().is_none() {
        reached.insert(Probe::TransferAborted);
    }
    let is_handed = |other: &Node| other.transferring == Some((node.id, after.term() - 1));
    if after.begins_to_lead(step.before) && facts.nodes().any(is_handed) {
        reached.insert(Probe::TransferDone);
    }
}
