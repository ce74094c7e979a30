//! Twins: nodes that have done nothing yet, and that could be swapped without any difference.
//!
//! What one of them does first the other might as well have done, and everything that follows would be the same but for
//! their names. So only the first of them acts.

use std::collections::BTreeSet;

use conclave::raft::{Message, NodeId};

use crate::{bounds::Consensus, hashed::Hashed, node::Node, state::State};

pub(crate) fn is_twin_of_an_earlier(model: &Consensus, state: &State, id: NodeId) -> bool {
    (1..id).any(|earlier| are_twins(model, state, earlier, id))
}

/// Nobody has heard from either of them, so nobody has an opinion of them. The answer to a pre-vote leaves no trace at
/// the one who gave it: after a timeout no node counts as untouched any more.
fn are_twins(model: &Consensus, state: &State, one: NodeId, other: NodeId) -> bool {
    let is_untouched =
        |id| is_untouched(state.node(id)) && state.network.iter().all(|message| message.from != id);
    is_untouched(one)
        && is_untouched(other)
        && state.left.timeouts == model.budget.timeouts
        && model.wanted.contains(&one) == model.wanted.contains(&other)
        && model.founders.iter().all(|founders| founders.contains(one) == founders.contains(other))
        && model.founders[one as usize - 1] == model.founders[other as usize - 1]
        && mail_of(state, one) == mail_of(state, other)
}

fn is_untouched(node: &Node) -> bool {
    node.core().term() == 0 && node.core().last().index == 0
}

/// The messages to a node, as if they went to nobody in particular.
fn mail_of(state: &State, id: NodeId) -> BTreeSet<Hashed<Message>> {
    let mail = state.network.iter().filter(|message| message.to == id);
    mail.map(|message| Hashed::new(Message { to: 0, ..Message::clone(message) })).collect()
}
