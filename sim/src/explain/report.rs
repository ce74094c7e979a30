//! What a campaign came to, what a scenario is, and how a failure is replayed.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    scenario::{Scenario, Timed},
    shrink::Shrunk,
    verdict::{Figures, Outcome, Rule, Verdict},
};

/// The summary of a campaign.
pub(crate) fn summary(outcome: &Outcome, first_seed: u64) -> String {
    let Figures { simulated_ns, elections, snapshots, committed, events, faults, operations } =
        &outcome.figures;
    let simulated_s = *simulated_ns as f64 / 1e9;
    let took_s = outcome.took.as_secs_f64();
    let mut text = String::new();
    let last_seed = first_seed.wrapping_add(outcome.runs.saturating_sub(1));
    let _ = writeln!(text, "seeds        {} ({first_seed} to {last_seed})", outcome.runs);
    let _ = writeln!(
        text,
        "time         {simulated_s:.0} s simulated in {took_s:.1} s: {:.0} x real time",
        simulated_s / took_s.max(1e-9)
    );
    let _ = writeln!(
        text,
        "consensus    {elections} elections, {committed} entries committed, {snapshots} snapshots, {events} events"
    );
    let _ = writeln!(text, "faults       {}", counts(faults));
    let _ = writeln!(text, "operations   {}", counts(operations));
    for (rule, seeds) in by_rule(&outcome.failures) {
        let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
        let _ = writeln!(text, "failed       {rule}: cargo sim replay {}", seeds.join(" | "));
    }
    if outcome.failures.is_empty() && outcome.runs > 0 {
        let percent = 100.0 * failure_chance_max(outcome.runs);
        let _ = writeln!(text, "confidence   95 % that fewer than {percent:.2} % of all seeds fail");
    }
    let interrupted = if outcome.interrupted { " (interrupted)" } else { "" };
    let _ = match outcome.failures.len() {
        0 => writeln!(text, "verdict      green{interrupted}"),
        count => writeln!(text, "verdict      RED: {count} of {} runs failed{interrupted}", outcome.runs),
    };
    text
}

/// The chance p that a seed fails for which so many green ones in a row are just not surprising: (1 - p)^runs = 5 %.
fn failure_chance_max(runs: u64) -> f64 {
    1.0 - 0.05_f64.powf(1.0 / runs as f64)
}

/// The seeds that failed, by what broke.
fn by_rule(failures: &[Verdict]) -> BTreeMap<Rule, Vec<u64>> {
    let mut seeds: BTreeMap<Rule, Vec<u64>> = BTreeMap::new();
    for Verdict { seed, failure, .. } in failures {
        if let Some(failure) = failure {
            seeds.entry(failure.rule).or_default().push(*seed);
        }
    }
    seeds
}

/// A failure and the one line that replays it.
pub(crate) fn failure(verdict: &Verdict) -> String {
    let Some(failure) = &verdict.failure else { return String::new() };
    let seed = verdict.seed;
    format!(
        "seed {seed} failed: {failure}\n  replay it with: cargo sim replay {seed}\n  shrink it with: cargo sim shrink {seed}\n"
    )
}

/// What is left of a scenario that was shrunk, and the commands that go on from there.
pub(crate) fn shrunk(before: &Scenario, rule: Rule, shrunk: &Shrunk, file: &str) -> String {
    let Shrunk { scenario, is_smallest, runs, took, robustness: (failing, schedules) } = shrunk;
    let needed = match is_smallest {
        true => "each of them needed",
        false => "the time was over: more may go",
    };
    let mut text = format!("rule         {rule}\n");
    let _ = writeln!(text, "faults       {} -> {}: {needed}", before.faults.len(), scenario.faults.len());
    for Timed { at_ms, for_ms, fault } in &scenario.faults {
        let _ = writeln!(text, "             at {at_ms} ms, for {for_ms} ms: {fault}");
    }
    let sizes = [
        ("nodes", before.shape.priorities.len() as u64, scenario.shape.priorities.len() as u64),
        ("proxies", before.shape.proxies, scenario.shape.proxies),
        ("clients", before.shape.clients, scenario.shape.clients),
        ("ms of chaos", before.chaos_ms, scenario.chaos_ms),
    ];
    let sizes = sizes.map(|(what, before, after)| format!("{before} -> {after} {what}"));
    let _ = writeln!(text, "shape        {}", sizes.join(", "));
    let _ = writeln!(text, "robustness   fails under {failing} of {schedules} schedules");
    let _ = writeln!(text, "effort       {runs} runs in {:.0} s", took.as_secs_f64());
    let _ = writeln!(text, "stored as    {file}");
    let _ = writeln!(text, "  its story:       cargo sim replay {file}");
    if !is_smallest {
        let _ = writeln!(text, "  shrink it more:  cargo sim shrink {file} --time 10m --out {file}");
    }
    let _ = writeln!(text, "  keep it:         cp {file} sim/corpus/");
    text
}

/// A scenario in a few lines.
pub(crate) fn describe(scenario: &Scenario) -> String {
    format!(
        "{} nodes (priorities {:?}), {} proxies, {} clients on {} keys, {} ms of chaos with {} faults",
        scenario.shape.priorities.len(),
        scenario.shape.priorities,
        scenario.shape.proxies,
        scenario.shape.clients,
        scenario.workload.keys,
        scenario.chaos_ms,
        scenario.faults.len()
    )
}

fn counts(counts: &BTreeMap<&'static str, u64>) -> String {
    let total: u64 = counts.values().sum();
    let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    format!("{total} ({})", each.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule of three: 3 / runs, for many runs.
    #[test]
    fn green_seeds_bound_the_chance_of_a_red_one() {
        assert!((failure_chance_max(1) - 0.95).abs() < 1e-9);
        assert!((failure_chance_max(100) - 0.0295).abs() < 1e-4);
        assert!((failure_chance_max(3_000) - 0.001).abs() < 1e-5);
    }

    #[test]
    fn a_green_campaign_says_what_that_means_and_a_red_one_does_not() {
        let green = Outcome { runs: 100, ..Outcome::default() };
        assert!(summary(&green, 1).contains("95 % that fewer than 2.95 % of all seeds fail"));
        assert!(!summary(&Outcome::default(), 1).contains("confidence"));
        let verdict =
            Verdict { seed: 1, trace_hash: 0, failure: None, figures: Figures::default(), story: Vec::new() };
        let red = Outcome { failures: vec![verdict], ..green };
        assert!(!summary(&red, 1).contains("confidence"));
    }
}
