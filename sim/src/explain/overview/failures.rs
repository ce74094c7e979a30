//! The runs that failed, with what leads on from each.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Serialize;

use super::report;
use crate::{
    scenario::Version,
    verdict::{Failed, Outcome, Rule},
};

/// The runs that broke one rule, the shortest story first.
#[derive(Serialize)]
pub(super) struct Group {
    rule: String,
    class: String,
    statement: &'static str,
    source: &'static str,
    runs: Vec<Run>,
    /// The page of the first of them, made small.
    page: Option<String>,
}

#[derive(Serialize)]
struct Run {
    what: String,
    faults: u64,
    events: u64,
    detail: String,
    command: String,
}

pub(super) fn groups(outcome: &Outcome, version: Version, pages: &BTreeMap<Rule, PathBuf>) -> Vec<Group> {
    let groups = outcome.by_rule().into_iter().map(|((class, rule), failures)| Group {
        rule: rule.to_string(),
        class: class.to_string(),
        statement: rule.statement(),
        source: rule.source(),
        runs: failures.into_iter().map(|failed| run(failed, version)).collect(),
        page: pages.get(&rule).map(|page| page.display().to_string()),
    });
    groups.collect()
}

fn run(failed: &Failed, version: Version) -> Run {
    let Failed { subject, failure, faults, events } = failed;
    Run {
        what: subject.to_string(),
        faults: *faults,
        events: *events,
        detail: failure.detail.clone(),
        command: report::again(failure.rule, subject, version),
    }
}
