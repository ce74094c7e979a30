//! Changes of members (section 6, thesis section 4), and leadership that is handed over (thesis, section 3.10).

use conclave::raft::{Body, Configuration, Term as Number};

use super::{term::Terms, transition::Transition};
use crate::{
    Failure, Rule,
    invariants::{Checked, ensure},
};

/// A leader appends a configuration that changes the members when the one before is committed, and an entry of its own term is
/// (the correction of 2015); and votes change by a joint configuration alone.
pub(super) fn change_is_settled(terms: &Terms, it: &Transition<'_>) -> Checked {
    let entries = it.step.entries();
    let first = entries.first().map_or(0, |first| first.index);
    let cut = it.step.effects.persist.iter().find_map(|write| write.compacted.as_ref());
    let cut = cut.filter(|cut| !it.before.log.holds(cut.position));
    let latest = || it.before.configurations.range(..first).next_back();
    let (mut at, mut before) = match cut.map(|cut| (&cut.position.index, &cut.configuration)).or_else(latest)
    {
        Some((&at, configuration)) => (at, &**configuration),
        None => (0, &*it.before.configuration),
    };
    let changes = entries.iter().filter_map(|entry| Some((entry.index, entry.term, entry.configuration()?)));
    for (index, term, next) in changes {
        if it.leads(term) {
            is_settled(terms, it, term, (at, before), next)?;
        }
        (at, before) = (index, next);
    }
    Ok(())
}

fn is_settled(
    terms: &Terms,
    it: &Transition<'_>,
    number: Number,
    (at, before): (u64, &Configuration),
    next: &Configuration,
) -> Checked {
    let (id, commit) = (it.id(), it.step.after.commit);
    let is_same = |one: &Configuration, other: &Configuration| {
        (&one.voters, &one.outgoing, &one.learners, &one.wanted)
            == (&other.voters, &other.outgoing, &other.learners, &other.wanted)
    };
    // Records of data directories leave every quorum as it was.
    if is_same(before, next) {
        return Ok(());
    }
    let log = terms.get(&number).and_then(|term| term.leadership.as_ref()).map(|leadership| &leadership.log);
    let begins = log.and_then(|log| log.first_of(number));
    let why = match () {
        () if begins.is_none_or(|begins| commit < begins) => "before an entry of its own term is committed",
        () if commit < at => "before the last change is committed",
        () if !may_follow(before, next) => "which votes pass to at once",
        () if !stay_away(before, next) => "in which who left comes back",
        () => return Ok(()),
    };
    let detail = format!(
        "node {id} leads term {number} with commit index {commit} and appends {next} after {before} of entry {at}, {why}"
    );
    Err(Failure::new(Rule::ChangeIsSettled, id, number, detail))
}

/// Votes stay, or become joint, or leave what is joint.
fn may_follow(before: &Configuration, next: &Configuration) -> bool {
    let (old, new) = (before, next);
    match (old.outgoing.is_empty(), new.outgoing.is_empty()) {
        (true, true) | (false, true) => new.voters == old.voters,
        (true, false) => new.outgoing == old.voters,
        (false, false) => new.voters == old.voters && new.outgoing == old.outgoing,
    }
}

/// Who left is remembered, and is no member, nor to become one.
fn stay_away(before: &Configuration, next: &Configuration) -> bool {
    let comes_back = |id| before.gone.contains(&id) || next.gone.contains(&id);
    before.gone.is_subset(&next.gone) && !next.members().chain(next.wanted.iter().copied()).any(comes_back)
}

/// A leader asks a voter to take over that holds all of its log; or any, when it is no voter any more.
pub(super) fn hand_over_is_ready(terms: &Terms, it: &Transition<'_>) -> Checked {
    let asks = |body: &Body| matches!(body, Body::TimeoutNow);
    it.step.effects.messages.iter().filter(|message| asks(&message.body)).try_for_each(|message| {
        let (id, to) = (it.id(), message.to);
        let acked = terms.get(&message.term).map_or(0, |term| term.ack_of(to));
        let end = it.before.log.last().index;
        let is_voter = it.configurations().any(|configuration| configuration.is_voter(to));
        let retires = it.configurations().any(|configuration| !configuration.is_voter(id));
        ensure(is_voter && (retires || acked >= end), || {
            let detail = format!(
                "node {id} asks node {to} to take over, which has acknowledged {acked} of {end} entries"
            );
            Failure::new(Rule::HandOverIsReady, id, message.term, detail).with(to)
        })
    })
}
