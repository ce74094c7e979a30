//! What a campaign came to, what a scenario is, and how a failure is replayed.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    scenario::Scenario,
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
    let interrupted = if outcome.interrupted { " (interrupted)" } else { "" };
    let _ = match outcome.failures.len() {
        0 => writeln!(text, "verdict      green{interrupted}"),
        count => writeln!(text, "verdict      RED: {count} of {} runs failed{interrupted}", outcome.runs),
    };
    text
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
    format!("seed {seed} failed: {failure}\n  replay it with: cargo sim replay {seed}\n")
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
