//! What holds in every state.

use std::sync::Arc;

use conclave::raft::{Configuration, Entry, NodeId, Payload, Position};
use stateright::Property;

use crate::{
    bounds::Consensus,
    node::Node,
    state::State,
    steps::{Broken, is_quorum},
};

pub(crate) const ONE_LEADER_A_TERM: &str = "a term has one leader";
pub(crate) const LEADERS_ARE_COMPLETE: &str = "a leader holds what was committed before its term";
pub(crate) const COMMITTED_STAYS: &str = "what is committed stays";

pub(crate) fn properties() -> Vec<Property<Consensus>> {
    vec![
        always(ONE_LEADER_A_TERM, |_, state| has_one_leader_a_term(state)),
        always("a leader has the votes of a quorum", |_, state| state.broken != Some(Broken::NotElected)),
        always("a leader's own vote is durable", |_, state| are_leaders_elected_durably(state)),
        always("logs that agree in one place agree up to there", |_, state| do_logs_match(state)),
        always(LEADERS_ARE_COMPLETE, |_, state| are_leaders_complete(state)),
        always("a node goes by the latest configuration in its log", |model, state| {
            are_configurations_in_force(model, state)
        }),
        always(COMMITTED_STAYS, |_, state| is_committed_kept(state)),
        always("a quorum of disks holds what is committed", |_, state| is_committed_durable(state)),
        always("who could be elected holds what is committed", |model, state| {
            are_heirs_complete(model, state, in_memory)
        }),
        always("who could be elected after a blackout holds what is committed", |model, state| {
            are_heirs_complete(model, state, on_disk)
        }),
        always("terms, votes and commit indices only grow", |_, state| {
            state.broken != Some(Broken::TakenBack)
        }),
        always("what is promised is durable", |_, state| state.broken != Some(Broken::PromiseNotDurable)),
        always("what is applied is committed and durable, in order", |_, state| {
            state.broken != Some(Broken::AppliedWrongly)
        }),
        always("nothing is refused that a node may say", |_, state| {
            !matches!(state.broken, Some(Broken::Refused(_)))
        }),
        always("the core's own assertions hold", |_, state| {
            !matches!(state.broken, Some(Broken::Assertion(_)))
        }),
    ]
}

fn always(name: &'static str, condition: fn(&Consensus, &State) -> bool) -> Property<Consensus> {
    Property::always(name, condition)
}

/// A log, in memory or on disk.
type Log<'a> = Vec<&'a Entry>;

fn in_memory(node: &Node) -> Log<'_> {
    node.log().collect()
}

fn on_disk(node: &Node) -> Log<'_> {
    node.disk().log().iter().collect()
}

fn has_one_leader_a_term(state: &State) -> bool {
    let terms = state.history.leaders.iter().map(|&(term, _)| term);
    terms.clone().zip(terms.skip(1)).all(|(one, next)| one < next)
}

fn are_leaders_elected_durably(state: &State) -> bool {
    let mut leaders = state.nodes.iter().filter(|node| node.core().is_leader());
    leaders.all(|leader| leader.disk().vote() == leader.core().vote())
}

fn do_logs_match(state: &State) -> bool {
    let logs: Vec<Log> = state.nodes.iter().flat_map(|node| [in_memory(node), on_disk(node)]).collect();
    let mut pairs =
        logs.iter().enumerate().flat_map(|(at, one)| logs[..at].iter().map(move |other| (one, other)));
    pairs.all(|(one, other)| {
        let agreement = one.iter().zip(other).rposition(|(one, other)| one.term == other.term);
        agreement.is_none_or(|last| one[..=last] == other[..=last])
    })
}

fn are_leaders_complete(state: &State) -> bool {
    let mut leaders = state.nodes.iter().filter(|node| node.core().is_leader());
    leaders.all(|leader| {
        let before = |term| term < leader.core().term();
        let mut committed = state.history.committed.iter().filter(|committed| before(committed.term));
        committed.all(|committed| leader.holds(&committed.entry))
    })
}

/// Committed or not (section 6).
fn are_configurations_in_force(model: &Consensus, state: &State) -> bool {
    state.nodes.iter().zip(&model.founders).all(|(node, founders)| {
        let log = in_memory(node);
        let latest = configurations(&log).next();
        latest.unwrap_or(founders) == node.core().configuration()
    })
}

fn is_committed_kept(state: &State) -> bool {
    state.nodes.iter().all(|node| {
        let mut known = state.history.committed.iter().take(node.core().commit() as usize);
        known.all(|committed| node.holds(&committed.entry))
    })
}

fn is_committed_durable(state: &State) -> bool {
    state.history.committed.iter().all(|committed| {
        is_quorum(&committed.configuration, |id| state.node(id).disk().holds(&committed.entry))
    })
}

/// A look ahead. If, with the logs as they are, a node could win an election that lacks something committed, then
/// that is lost as good as already: so a wrong commit is seen an election before it does harm.
fn are_heirs_complete(model: &Consensus, state: &State, log: for<'a> fn(&'a Node) -> Log<'a>) -> bool {
    let logs = [0, 1, 2].map(|place| log(&state.nodes[place]));
    (1..=3).all(|id| {
        let own = &logs[id as usize - 1];
        let lacks_some = || !state.history.committed.iter().all(|committed| own.contains(&&committed.entry));
        !(lacks_some() && could_win(model, &logs, id))
    })
}

/// Whether a quorum would vote for a node: those whose logs are not ahead of its own. A configuration that it does not
/// know to be committed may be undone, so a voter of the one before campaigns too.
fn could_win(model: &Consensus, logs: &[Log; 3], id: NodeId) -> bool {
    let place = id as usize - 1;
    let mut in_force = configurations(&logs[place]).chain([&model.founders[place]]);
    let Some(latest) = in_force.next() else { return false };
    let may_campaign = latest.is_voter(id) || in_force.next().is_some_and(|before| before.is_voter(id));
    may_campaign && is_quorum(latest, |voter| end(&logs[voter as usize - 1]) <= end(&logs[place]))
}

/// The latest first.
fn configurations<'a>(log: &Log<'a>) -> impl Iterator<Item = &'a Arc<Configuration>> {
    log.iter().rev().filter_map(|entry| match &entry.payload {
        Payload::Configuration(configuration) => Some(configuration),
        Payload::Noop | Payload::Command(_) => None,
    })
}

fn end(log: &Log) -> Position {
    log.last().map_or(Position::default(), |entry| entry.position())
}
