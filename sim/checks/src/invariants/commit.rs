//! What is committed, and stays so (sections 5.3 and 5.4).

use conclave::raft::{Index, RoleName};

use super::check::{Checked, ensure, known_of_logs, without_quorum};
use crate::{
    Failure, Rule,
    facts::{Facts, Node},
    observation::Step,
};

pub(super) fn commits_grow(_: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    let (id, term, after) = (step.id(), step.after.term(), step.after);
    let before = step.before.map_or(0, |before| before.commit);
    ensure(after.commit >= before, || {
        let detail = format!("node {id} went from commit index {before} to {}", after.commit);
        Failure::new(Rule::CommitOnlyGrows, id, term, detail)
    })
}

pub(super) fn commits_are_within_log(_: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    let (id, term, after) = (step.id(), step.after.term(), step.after);
    ensure(after.commit <= after.last.index, || {
        let detail = format!("node {id} commits {}, its log ends with {}", after.commit, after.last);
        Failure::new(Rule::CommitWithinLog, id, term, detail)
    })
}

/// Figure 8.
pub(super) fn commits_by_own_term(_: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    let (core, after) = (step.core, step.after);
    let Some(before) = step.before else { return Ok(()) };
    let leads = |role| role == RoleName::Leader;
    let led_on = leads(after.role) && leads(before.role) && before.term() == after.term();
    // By a snapshot that it was sent before it led, and that is in place only now.
    let by_snapshot = after.commit == after.compacted.index;
    let of_own_term = || core.entry(after.commit).is_some_and(|entry| entry.term == after.term());
    ensure(!led_on || after.commit == before.commit || by_snapshot || of_own_term(), || {
        let id = step.id();
        let entry = core.entry(after.commit);
        let position = entry.map_or(after.commit.to_string(), |entry| entry.position().to_string());
        let (term, known) = (after.term(), known_of_logs(core));
        let detail = format!(
            "node {id} leads term {term} and commits up to {position}, an entry of an earlier term{known}"
        );
        Failure::new(Rule::CommitByOwnTerm, id, after.term(), detail)
    })
}

pub(super) fn committed_is_final(facts: &Facts, _: &Node, step: &Step<'_>) -> Checked {
    step.committed().try_for_each(|entry| match facts.committed.at(entry.index) {
        Some(known) if !known.is(entry) => {
            let (id, position) = (step.id(), entry.position());
            let detail = format!("node {id} commits {position} where an entry of term {} was", known.term);
            Err(Failure::new(Rule::CommittedIsFinal, id, step.after.term(), detail))
        }
        _ => Ok(()),
    })
}

/// Where the configuration lies that had to be committed in this very step before the leader could append the present one.
fn before_last_configuration(step: &Step<'_>) -> Option<Index> {
    let (core, before) = (step.core, step.before?);
    let leads_on = before.role == RoleName::Leader && step.after.role == RoleName::Leader;
    let indexes = core.compacted().index + 1..=step.after.last.index;
    let is_configuration = |index: &Index| core.entry(*index).is_some_and(|it| it.configuration().is_some());
    let mut latest_first = indexes.rev().filter(is_configuration);
    let is_new = latest_first.next()? > before.last.index;
    (leads_on && is_new).then(|| latest_first.next()).flatten().filter(|index| *index > before.commit)
}

/// The disks of crashed nodes count. By the configuration in force before this step, or after it: the step may have
/// changed it on the way. But a leader appends the next one when the one before is committed: what that took did not go by the next.
pub(super) fn committed_is_on_quorum(facts: &Facts, node: &Node, step: &Step<'_>) -> Checked {
    let before = &node.configuration;
    let mut news = step.committed().filter(|entry| facts.committed.at(entry.index).is_none());
    news.try_for_each(|entry| {
        let position = entry.position();
        let holds = |id| facts.has_held(id, position);
        let lacking = without_quorum(before, holds).and_then(|disks| match before_last_configuration(step) {
            Some(came_first) if entry.index <= came_first => Some(disks),
            _ => without_quorum(step.core.configuration(), holds),
        });
        match lacking {
            None => Ok(()),
            Some(disks) => {
                let (id, term) = (step.id(), step.after.term());
                let known = known_of_logs(step.core);
                let detail =
                    format!("node {id} commits {position}, which {disks} disks of voters hold{known}");
                Err(Failure::new(Rule::CommittedOnQuorum, id, term, detail))
            }
        }
    })
}
