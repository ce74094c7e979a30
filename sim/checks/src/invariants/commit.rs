//! What is committed, and stays so (sections 5.3 and 5.4).

use conclave::raft::RoleName;

use super::check::{Checked, ensure, without_quorum};
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
    })?;
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
        let detail = format!("node {id} commits up to {}, an entry of an earlier term", after.commit);
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

/// The disks of crashed nodes count. By the configuration in force before this step, or after it: the step may have
/// changed it on the way.
pub(super) fn committed_is_on_quorum(facts: &Facts, node: &Node, step: &Step<'_>) -> Checked {
    let before = &node.configuration;
    let mut news = step.committed().filter(|entry| facts.committed.at(entry.index).is_none());
    news.try_for_each(|entry| {
        let position = entry.position();
        let holds = |id| facts.has_held(id, position);
        let lacking = without_quorum(before, holds).and(without_quorum(step.core.configuration(), holds));
        match lacking {
            None => Ok(()),
            Some(disks) => {
                let (id, term) = (step.id(), step.after.term());
                let detail = format!("node {id} commits {position}, which {disks} disks of voters hold");
                Err(Failure::new(Rule::CommittedOnQuorum, id, term, detail))
            }
        }
    })
}
