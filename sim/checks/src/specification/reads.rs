//! Reads without the log (thesis, section 6.4), and the heartbeats that confirm them.

use conclave::raft::{Body, Index, NodeId, RoleName};

use super::{
    election::{led, quorum},
    term::{Answered, Asked, Terms, counted},
    transition::Transition,
};
use crate::{
    Failure, Rule,
    invariants::{Checked, ensure},
};

/// Each read that is answered: the node's own, and those of others.
pub(super) fn reads_are_confirmed(terms: &Terms, it: &Transition<'_>) -> Checked {
    let id = it.id();
    for ready in &it.step.effects.reads {
        let answer = (id, ready.id, ready.index);
        let is_told = terms.range(it.terms()).any(|(_, term)| term.read_answers.contains(&answer));
        if !is_told {
            is_confirmed(terms, it, (id, ready.id), ready.index)?;
        }
    }
    for message in &it.step.effects.messages {
        if let Body::ReadIndexResponse { id, index: Some(index) } = message.body {
            is_confirmed(terms, it, (message.to, id), index)?;
        }
    }
    Ok(())
}

/// By a leader that has committed an entry of its own term, and that a quorum has answered since the read was asked for; or by
/// lease, when a quorum has answered with a promise that still holds, as clocks go, and nobody was asked to take over.
fn is_confirmed(terms: &Terms, it: &Transition<'_>, read: (NodeId, u64), index: Index) -> Checked {
    let (id, commit) = (it.id(), it.step.after.commit);
    let Some((number, term)) = led(terms, it) else {
        let detail = format!("node {id} reads at {index}, leads nothing, and was not told to");
        return Err(Failure::new(Rule::ReadIsConfirmed, id, it.step.after.term(), detail));
    };
    let begins = term.leadership.as_ref().and_then(|leadership| leadership.log.first_of(number));
    let Asked { round: asked_at, commit: known } = term.reads.get(&read).copied().unwrap_or_default();
    let round_of = |member, configuration: &_| counted(&term.rounds, configuration, member);
    let lacking = quorum(it, |member, configuration| {
        member == id || round_of(member, configuration).is_some_and(|answered| answered.round > asked_at)
    });
    let may_hold_lease =
        (it.step.holds_lease || it.step.after.role != RoleName::Leader) && term.successors.is_empty();
    let promised = |member: NodeId, configuration: &_| {
        let until_us = |answered: &Answered| answered.promised_until_us(it.drift_percent);
        member == id || round_of(member, configuration).map_or(0, until_us) > it.step.time_us
    };
    let is_leased = may_hold_lease && quorum(it, promised).is_none();
    let knows_commit = begins.is_some_and(|begins| begins <= commit);
    ensure(knows_commit && (known..=commit).contains(&index) && (lacking.is_none() || is_leased), || {
        let answers = term.rounds.iter();
        let rounds: Vec<_> = answers
            .map(|(&(from, _), answered)| {
                (from, answered.round, answered.promised_until_us(it.drift_percent))
            })
            .collect();
        let detail = format!(
            "node {id}, whose term {number} begins with entry {begins:?} and whose commit index is {commit}, lets node {} read at {index} what was asked for after heartbeat {asked_at}, at commit index {known}; of {} were answered (node, heartbeat, promised until) {rounds:?}, at {} us; the lease {}",
            read.0,
            it.configuration,
            it.step.time_us,
            if may_hold_lease { "may hold" } else { "does not hold" }
        );
        Failure::new(Rule::ReadIsConfirmed, id, number, detail)
    })
}

/// Only a heartbeat that was sent is answered.
pub(super) fn heartbeats_were_sent(terms: &Terms, it: &Transition<'_>) -> Checked {
    it.step.effects.messages.iter().try_for_each(|message| {
        let Body::HeartbeatResponse { round, .. } = message.body else { return Ok(()) };
        let was_sent = terms.get(&message.term).is_some_and(|term| {
            term.unwatched.contains(&message.from) || round <= term.round && term.is_led_by(message.to)
        });
        ensure(round == 0 || was_sent, || {
            let (id, to) = (it.id(), message.to);
            let detail = format!("node {id} answers heartbeat {round} to node {to}, which sent none such");
            Failure::new(Rule::HeartbeatWasSent, id, message.term, detail).with(to)
        })
    })
}
