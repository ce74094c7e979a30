//! What must always hold. Each rule is a function of the facts as they were before, those about the node among them, and of
//! what happened at that node: it changes none of them. A new rule is a function here and a line in a list; [`crate::Rule`] names it and says where it comes
//! from.
//!
//! | file | about |
//! | --- | --- |
//! | `check.rs` | what all rules are written with |
//! | `election.rs` | terms, votes, leaders |
//! | `log.rs` | one log against another, and against its disk |
//! | `commit.rs` | what is committed, and stays so |
//! | `durability.rs` | what a disk keeps across crashes, and what is promised of it |
//! | `state.rs` | what is applied |
//! | `snapshot.rs` | compaction and snapshots |
//! | `reads.rs` | linearizable reads |
//! | `configuration.rs` | which configuration is in force, and who leaves |
//! | `transfer.rs` | leadership that is handed over |
//! | `messages.rs` | what nodes say to each other |
//! | `silence.rs` | nodes that nobody reaches |
//! | `tests/` | each rule with a history that breaks it, and the nearest one that does not |

mod check;
mod commit;
mod configuration;
mod durability;
mod election;
mod log;
mod messages;
mod reads;
mod silence;
mod snapshot;
mod state;
mod transfer;

pub(crate) use self::check::{Checked, ensure};
pub use self::{
    check::without_quorum, durability::is_promise_kept, election::may_follow, messages::may_wait,
};
use crate::{
    Failure,
    facts::{Facts, Node},
    observation::{Apply, Install, Start, Step, StreamEnd, Tick, Write},
};

/// The rules that one kind of observation has to pass.
pub(crate) type Rules<T> = [fn(&Facts, &Node, &T) -> Checked];

pub(crate) const OF_STARTS: &[fn(&Facts, &Node, &Start<'_>) -> Checked] = &[
    election::unheard_terms_grow,
    election::unheard_votes_stay,
    log::recovered_entries_match,
    durability::recovered_as_promised,
    durability::recovered_committed_is_kept,
    snapshot::recovered_log_begins_with_committed,
    configuration::recovered_configuration,
    state::recovered_states_are_equal,
];

pub(crate) const OF_STEPS: &[fn(&Facts, &Node, &Step<'_>) -> Checked] = &[
    log::written_entries_match,
    log::writes_form_the_log,
    log::durable_entries_are_on_disk,
    durability::messages_keep_promises,
    state::handed_out_entries_are_on_disk,
    reads::reads_see_what_was_committed,
    reads::leases_are_exclusive,
    configuration::latest_configuration_in_force,
    configuration::removal_is_committed,
    transfer::leaving_leader_hands_over,
    messages::lawful_is_accepted,
];

/// Of steps that others can see.
pub(crate) const OF_VISIBLE_STEPS: &[fn(&Facts, &Node, &Step<'_>) -> Checked] = &[
    election::terms_grow,
    election::votes_stay,
    commit::commits_grow,
    commit::commits_are_within_log,
    commit::commits_by_own_term,
    election::one_leader,
    election::leader_has_quorum,
    election::leader_is_complete,
    commit::committed_is_final,
    commit::committed_is_on_quorum,
    snapshot::new_compacted_is_committed,
    snapshot::new_compacted_is_applied,
];

pub(crate) const OF_WRITES: &[fn(&Facts, &Node, &Write<'_>) -> Checked] = &[
    election::stored_term_grows,
    election::stored_vote_stays,
    durability::committed_is_kept,
    durability::promises_are_kept,
];

pub(crate) const OF_APPLIES: &[fn(&Facts, &Node, &Apply<'_>) -> Checked] =
    &[state::applied_is_committed, state::applied_in_order, state::applied_states_are_equal];

pub(crate) const OF_INSTALLS: &[fn(&Facts, &Node, &Install<'_>) -> Checked] =
    &[snapshot::installed_is_committed, state::installed_states_are_equal];

pub(crate) const OF_STREAM_ENDS: &[fn(&Facts, &Node, &StreamEnd) -> Checked] =
    &[snapshot::cancelled_streams_are_over];

pub(crate) const OF_TICKS: &[fn(&Facts, &Node, &Tick<'_>) -> Checked] = &[silence::silence_ends_following];

/// The rules that an observation of a node breaks, in the order of the list: each is looked at when it is asked for.
pub(crate) fn broken<T>(
    rules: &Rules<T>,
    facts: &Facts,
    node: &Node,
    observation: &T,
) -> impl Iterator<Item = Failure> {
    rules.iter().filter_map(move |rule| rule(facts, node, observation).err())
}

#[cfg(test)]
mod tests;
