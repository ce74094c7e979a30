//! What a person reads: the summary of a campaign, the story of a run.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    campaign::Outcome,
    scenario::Scenario,
    verdict::{Figures, Verdict},
};

/// The summary of a campaign.
pub fn summary(outcome: &Outcome, first_seed: u64) -> String {
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
    for verdict in &outcome.failures {
        let _ = writeln!(text, "\n{}", failure(verdict));
    }
    let _ = match outcome.failures.len() {
        0 => writeln!(text, "verdict      green"),
        count => writeln!(text, "verdict      RED: {count} of {} runs failed", outcome.runs),
    };
    text
}

/// A failure and the one line that replays it.
pub fn failure(verdict: &Verdict) -> String {
    let Some(failure) = &verdict.failure else { return String::new() };
    let seed = verdict.seed;
    format!("seed {seed} failed: {failure}\n  replay it with: cargo sim replay {seed}")
}

/// A scenario in a few lines.
pub fn describe(scenario: &Scenario) -> String {
    format!(
        "{} nodes (priorities {:?}), {} proxies, {} clients on {} keys, {} ms of chaos with {} faults",
        scenario.priorities.len(),
        scenario.priorities,
        scenario.proxies,
        scenario.clients,
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
