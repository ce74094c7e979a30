//! What nodes say to each other is believed.

use conclave::raft::{Configuration, Refusal, Refused};

use super::check::Checked;
use crate::{
    Failure, Rule,
    facts::{Facts, Node},
    observation::Step,
};

/// A node that is no member, as far as the one knows that refused it, may have to wait until the leader is heard no more.
pub fn may_wait(refused: &Refused, configuration: &Configuration) -> bool {
    refused.why == Refusal::Stranger && !configuration.contains(refused.from)
}

/// All nodes follow the protocol, so nothing that one of them says is impossible.
pub(super) fn lawful_is_accepted(facts: &Facts, node: &Node, step: &Step<'_>) -> Checked {
    // A step takes many inputs: who was refused may have become a member by one that came after.
    let configurations = [&node.configuration, step.core.configuration()];
    // Whoever lost its disk says what it cannot know to be wrong.
    let is_lawful = |refused: &&Refused| {
        let may_wait = configurations.iter().any(|configuration| may_wait(refused, configuration));
        !facts.has_begun_anew(refused.from) && !may_wait
    };
    match step.effects.refused.iter().find(is_lawful) {
        None => Ok(()),
        Some(refused) => {
            let (id, from) = (step.id(), refused.from);
            let detail = format!("node {id} refuses a message of node {from}: {}", refused.why);
            Err(Failure::new(Rule::LawfulIsAccepted, id, step.after.term(), detail).with(from))
        }
    }
}
