//! What all hunts came to: a line for each bug, as Markdown.

use std::collections::BTreeSet;

use super::{
    patch::Bug,
    result::{Found, HuntResult, Results},
};

const HEAD: &str = "\
| bug | source | violates | found | by the rule | core-seconds: median, max | faults left when shrunk |
| --- | --- | --- | --- | --- | --- | --- |
";

pub(super) fn markdown(bugs: &[Bug], results: &Results) -> String {
    let lines: Vec<String> = bugs.iter().map(|bug| line(bug, &results.latest(bug.name()))).collect();
    format!("{HEAD}{}", lines.join("\n"))
}

fn line(bug: &Bug, hunts: &[&HuntResult]) -> String {
    let begin = format!("| {} | {} | {} |", bug.name(), bug.source(), bug.violates());
    if hunts.is_empty() {
        return format!("{begin} not hunted | | | |");
    }
    let found: Vec<&Found> = hunts.iter().filter_map(|hunt| hunt.found.as_ref()).collect();
    let rules: BTreeSet<&str> = found.iter().map(|found| found.rule.as_str()).collect();
    let rules: Vec<&str> = rules.into_iter().collect();
    let (median, max) = spread(hunts);
    let faults = found.iter().find_map(|found| found.faults.as_ref());
    let faults = faults.map_or_else(String::new, |faults| format!("{}: {}", faults.len(), faults.join(", ")));
    let count =
        if found.is_empty() { "**no**".to_owned() } else { format!("{} of {}", found.len(), hunts.len()) };
    format!("{begin} {count} | {} | {median:.0}, {max:.0} | {faults} |", rules.join(", "))
}

/// What hunts took: half of them no more than the first, and none more than the second.
fn spread(hunts: &[&HuntResult]) -> (f64, f64) {
    let mut taken: Vec<f64> = hunts.iter().map(|hunt| hunt.core_seconds).collect();
    taken.sort_by(f64::total_cmp);
    (taken[(taken.len() - 1) / 2], taken[taken.len() - 1])
}
