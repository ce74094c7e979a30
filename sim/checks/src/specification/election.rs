//! Terms, campaigns, votes, leaders: Timeout, UpdateTerm, RequestVote, HandleRequestVoteRequest, BecomeLeader of raft.tla.

use std::collections::{BTreeMap, BTreeSet};

use conclave::raft::{Body, Message, NodeId, Position, RoleName, Term as Number};

use super::{
    term::{Term, Terms, counted},
    transition::Transition,
};
use crate::{
    Failure, Rule,
    invariants::{Checked, ensure, without_quorum},
};

/// Timeout, UpdateTerm: a term rises by a campaign, or for a message of that term was sent here.
pub(super) fn term_is_reached(terms: &Terms, it: &Transition<'_>) -> Checked {
    let (id, before, mut term) = (it.id(), it.before.vote.term, it.step.after.term());
    let is_alone =
        it.configurations().any(|configuration| configuration.voters.iter().all(|&voter| voter == id));
    while term > before {
        if terms.get(&term).is_some_and(|term| term.addressed.contains(&id)) {
            return Ok(());
        }
        ensure(is_alone || campaigns(it, term), || {
            let reached = it.step.after.term();
            let detail = format!(
                "node {id} goes from term {before} to {reached}; it does not campaign in term {term}, and nobody sent it anything of that term"
            );
            Failure::new(Rule::TermIsReached, id, reached, detail)
        })?;
        term -= 1;
    }
    Ok(())
}

fn campaigns(it: &Transition<'_>, term: Number) -> bool {
    let vote = it.step.after.vote;
    let asks = |message: &Message| message.term == term && matches!(message.body, Body::VoteRequest { .. });
    (vote.term, vote.candidate) == (term, Some(it.id())) || it.step.promises().iter().any(asks)
}

/// Who campaigns was granted pre-votes by a quorum, or its leader asked it to.
pub(super) fn campaign_is_asked(terms: &Terms, it: &Transition<'_>) -> Checked {
    let id = it.id();
    let new = it.before.vote.term + 1..=it.step.after.term();
    for term in new.filter(|&term| campaigns(it, term)) {
        let granted = |voter: NodeId, configuration: &_| {
            let votes = terms.get(&term).and_then(|term| term.pre_votes.get(&id));
            voter == id || votes.is_some_and(|votes| counted(votes, configuration, voter).is_some())
        };
        let lacking = quorum(it, granted);
        let is_asked = terms
            .get(&(term - 1))
            .is_some_and(|term| term.successors.contains(&id) || term.unwatched.contains(&id));
        ensure(lacking.is_none() || is_asked, || {
            let votes = lacking.unwrap_or(0);
            let detail = format!(
                "node {id} campaigns in term {term} with {votes} pre-votes of {}, and no leader of term {} asked it to",
                it.before.configuration,
                term - 1
            );
            Failure::new(Rule::CampaignIsAsked, id, term, detail)
        })?;
    }
    Ok(())
}

/// RequestVote: a request says where the log of the candidate ends.
pub(super) fn requests_are_true(_: &Terms, it: &Transition<'_>) -> Checked {
    let Some(ends) = it.ends() else { return Ok(()) };
    it.step.messages().try_for_each(|message| match message.body {
        Body::VoteRequest { last, .. } | Body::PreVoteRequest { last } => {
            let is_true = if it.keeps_log() { last == ends[0] } else { ends[0] <= last && last <= ends[1] };
            ensure(is_true, || {
                let (id, to, end) = (it.id(), message.to, it.log.last());
                let detail = format!(
                    "node {id} asks node {to} for its vote with a log to {last}, which ends with {end}"
                );
                Failure::new(Rule::RequestIsTrue, id, message.term, detail).with(to)
            })
        }
        _ => Ok(()),
    })
}

/// HandleRequestVoteRequest, and the same for pre-votes: the answer to a request of a candidate whose log is up to date, and to
/// one of them only.
pub(super) fn votes_are_due(terms: &Terms, it: &Transition<'_>) -> Checked {
    let id = it.id();
    let given = |message: &Message| {
        let is_vote = matches!(message.body, Body::VoteResponse { granted: true });
        is_vote.then_some((message.term, message.to))
    };
    let vote = it.step.after.vote;
    let is_new = vote != it.before.vote;
    let forgets = is_new && vote.term == it.before.vote.term && vote.candidate.is_none();
    ensure(!forgets, || {
        let candidate = it.before.vote.candidate.unwrap_or(0);
        let detail = format!("node {id} has voted for node {candidate}, and votes for nobody any more");
        Failure::new(Rule::VoteIsDue, id, vote.term, detail).with(candidate)
    })?;
    let cast = vote.candidate.filter(|&candidate| is_new && candidate != id).map(|to| (vote.term, to));
    let mut ballots = BTreeMap::from([(it.before.vote.term, it.before.vote.candidate)]);
    for (number, candidate) in it.step.messages().filter_map(given).chain(cast) {
        let term = terms.get(&number);
        let durable = term.and_then(|term| term.ballots.get(&id)).copied();
        let present = ballots.insert(number, Some(candidate)).flatten();
        let other = durable.into_iter().chain(present).find(|&other| other != candidate);
        ensure(other.is_none(), || {
            let other = other.unwrap_or(0);
            let detail = format!("node {id} votes for node {candidate}, and has voted for node {other}");
            Failure::new(Rule::VoteIsDue, id, number, detail).with(candidate)
        })?;
        is_up_to_date(it, number, candidate, term.and_then(|term| term.requests.get(&(candidate, id))))?;
    }
    for message in &it.step.effects.messages {
        if let Body::PreVoteResponse { granted: true } = message.body {
            let request = terms.get(&message.term).and_then(|term| term.pre_requests.get(&(message.to, id)));
            is_up_to_date(it, message.term, message.to, request)?;
        }
    }
    Ok(())
}

fn is_up_to_date(
    it: &Transition<'_>,
    term: Number,
    candidate: NodeId,
    request: Option<&Position>,
) -> Checked {
    let Some(ends) = it.ends() else { return Ok(()) };
    ensure(request.is_some_and(|request| *request >= ends[0]), || {
        let (id, end) = (it.id(), ends[0]);
        let asked =
            request.map_or("did not ask for it".to_owned(), |last| format!("asked with a log to {last}"));
        let detail =
            format!("node {id}, whose log ends with {end}, votes for node {candidate}, which {asked}");
        Failure::new(Rule::VoteIsDue, id, term, detail).with(candidate)
    })
}

/// The terms that a node leads, or led within this step, and of which that was not known.
pub(super) fn begun_terms(terms: &Terms, it: &Transition<'_>) -> BTreeSet<Number> {
    let id = it.id();
    let speaks = |message: &Message| is_of_leader(&message.body).then_some(message.term);
    let streams = it.step.effects.snapshots.iter().map(|snapshot| snapshot.stream.term);
    let spoken = it.step.effects.messages.iter().filter_map(speaks).chain(streams);
    let leads = (it.step.after.role == RoleName::Leader).then(|| it.step.after.term());
    let is_new = |term: &Number| !terms.get(term).is_some_and(|term| term.is_led_by(id));
    spoken.chain(leads).filter(is_new).collect()
}

/// BecomeLeader: by votes that were sent, of a quorum, its own among them when that is durable.
pub(super) fn leader_is_elected(terms: &Terms, it: &Transition<'_>, number: Number) -> Checked {
    let (id, term) = (it.id(), terms.get(&number));
    let led_by = term.and_then(|term| term.leadership.as_ref()).map(|leadership| leadership.leader);
    ensure(led_by.is_none(), || {
        let other = led_by.unwrap_or(0);
        let detail = format!("node {id} leads term {number}, as node {other} does");
        Failure::new(Rule::LeaderIsElected, id, number, detail).with(other)
    })?;
    let durable = it.before.durable.vote;
    let votes_for_itself = durable.term > number || (durable.term, durable.candidate) == (number, Some(id));
    let voted = |voter: NodeId, configuration: &_| match voter == id {
        true => votes_for_itself,
        false => {
            let votes = term.and_then(|term| term.votes.get(&id));
            votes.is_some_and(|votes| counted(votes, configuration, voter).is_some())
        }
    };
    match quorum(it, voted) {
        None => Ok(()),
        Some(votes) => {
            let sent = term.and_then(|term| term.votes.get(&id));
            let from: Vec<NodeId> = sent.into_iter().flatten().map(|(&(voter, _), ())| voter).collect();
            let detail = format!(
                "node {id} leads term {number} with {votes} votes of {}: those of {from:?} were sent to it, its own is {}durable",
                it.before.configuration,
                if votes_for_itself { "" } else { "not " }
            );
            Err(Failure::new(Rule::LeaderIsElected, id, number, detail))
        }
    }
}

/// How many members satisfy a condition, where they are no quorum of any configuration in force.
pub(super) fn quorum(
    it: &Transition<'_>,
    agrees: impl Fn(NodeId, &conclave::raft::Configuration) -> bool,
) -> Option<usize> {
    let mut most = None;
    for configuration in it.configurations().filter(|configuration| !configuration.voters.is_empty()) {
        let agreeing = without_quorum(configuration, |id| agrees(id, configuration))?;
        most = most.max(Some(agreeing));
    }
    Some(most.unwrap_or(0))
}

/// What only the leader of a term says.
pub(super) fn is_of_leader(body: &Body) -> bool {
    matches!(body, Body::AppendRequest { .. } | Body::HeartbeatRequest { .. } | Body::TimeoutNow)
}

/// The term of a leader, and its log.
pub(super) fn led<'a>(terms: &'a Terms, it: &Transition<'_>) -> Option<(Number, &'a Term)> {
    terms.range(it.terms()).rev().find(|(number, _)| it.leads(**number)).map(|(&number, term)| (number, term))
}
