//! What all hunts came to: a line for each bug, as Markdown.

use std::collections::BTreeSet;

use super::{
    patch::Bug,
    result::{Found, HuntResult, Results},
};

const HEAD: &str = "\
| bug | source | violates | found | by the rule | seeds: median | core-seconds: median, 95 %, max | faults left when shrunk |
| --- | --- | --- | --- | --- | --- | --- | --- |
";

pub(super) fn markdown(bugs: &[Bug], results: &Results) -> String {
    let lines: Vec<String> = bugs.iter().map(|bug| line(bug, &results.latest(bug.name()))).collect();
    format!("{HEAD}{}", lines.join("\n"))
}

fn line(bug: &Bug, hunts: &[&HuntResult]) -> String {
    let begin = format!("| {} | {} | {} |", bug.name(), bug.source(), bug.violates());
    if hunts.is_empty() {
        return format!("{begin} not hunted | | | | |");
    }
    let found: Vec<&Found> = hunts.iter().filter_map(|hunt| hunt.found.as_ref()).collect();
    let rules: BTreeSet<&str> = found.iter().map(|found| found.rule.as_str()).collect();
    let rules: Vec<&str> = rules.into_iter().collect();
    let core_seconds = |percent| percentile(hunts.iter().map(|hunt| hunt.core_seconds), percent);
    let seeds = percentile(hunts.iter().map(|hunt| hunt.seeds as f64), 50);
    let [median, most, max] = [50, 95, 100].map(core_seconds);
    let faults = found.iter().find_map(|found| found.faults.as_ref());
    let faults = faults.map_or_else(String::new, |faults| format!("{}: {}", faults.len(), faults.join(", ")));
    let count =
        if found.is_empty() { "**no**".to_owned() } else { format!("{} of {}", found.len(), hunts.len()) };
    format!(
        "{begin} {count} | {} | {seeds:.0} | {median:.0}, {most:.0}, {max:.0} | {faults} |",
        rules.join(", ")
    )
}

/// So many percent of hunts took no more: the smallest of which that is so.
fn percentile(taken: impl Iterator<Item = f64>, percent: usize) -> f64 {
    let mut taken: Vec<f64> = taken.collect();
    taken.sort_by(f64::total_cmp);
    taken[(taken.len() * percent).div_ceil(100).max(1) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_five_hunts_the_third_is_the_median_and_the_last_the_most() {
        let of = |percent| percentile([9.0, 1.0, 5.0, 3.0, 7.0].into_iter(), percent);
        assert_eq!([50, 95, 100].map(of), [5.0, 9.0, 9.0]);
        assert_eq!(percentile([2.0].into_iter(), 50), 2.0);
    }
}
