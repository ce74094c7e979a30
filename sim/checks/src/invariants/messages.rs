//! What nodes say to each other is believed.

use super::check::Checked;
use crate::{
    Failure, Rule,
    facts::{Facts, Node},
    observation::Step,
};

/// All nodes follow the protocol, so nothing that one of them says is impossible.
pub(super) fn lawful_is_accepted(_: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    match step.effects.refused.first() {
        None => Ok(()),
        Some(refused) => {
            let (id, from) = (step.id(), refused.from);
            let detail = format!("node {id} refuses a message of node {from}: {}", refused.why);
            Err(Failure::new(Rule::LawfulIsAccepted, id, step.after.term(), detail).with(from))
        }
    }
}
