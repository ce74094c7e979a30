//! Nodes that nobody reaches (Ongaro's thesis, section 6.2).

use super::check::{Checked, ensure};
use crate::{
    Failure, Rule,
    facts::{Facts, Node},
    observation::Tick,
};

/// Within two election timeouts.
pub(super) fn silence_ends_following(_: &Facts, _: &Node, tick: &Tick<'_>) -> Checked {
    let core = tick.core;
    if core.leader().is_none() || tick.silent_ticks <= 2 * tick.election_ticks_max {
        return Ok(());
    }
    let configuration = core.configuration();
    let needs_nobody = configuration.members().all(|id| id == core.id() || !configuration.is_voter(id));
    ensure(core.is_leader() && needs_nobody, || {
        let (id, role) = (core.id(), core.role());
        let detail = format!(
            "node {id} heard nothing for {} ticks, and is a {role} that knows a leader",
            tick.silent_ticks
        );
        Failure::new(Rule::SilenceEndsFollowing, id, core.term(), detail)
    })
}
