//! Leadership that is handed over (Ongaro's thesis, section 3.10).

use super::check::{Checked, ensure};
use crate::{
    Failure, Rule,
    facts::{Facts, Node},
    observation::Step,
};

/// Without that its followers would have to notice that it is silent.
pub(super) fn leaving_leader_hands_over(_: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    let (id, core) = (step.id(), step.core);
    let has_successor = || core.configuration().voters.iter().any(|&voter| voter != id);
    ensure(!(core.is_leader() && core.may_stop() && has_successor()), || {
        let detail = format!("node {id} is to stop, leads, and hands over to nobody");
        Failure::new(Rule::LeavingLeaderHandsOver, id, core.term(), detail)
    })
}
