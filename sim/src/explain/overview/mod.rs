//! A campaign as one page that needs no network: what failed, what was covered, and how that grew over time.
//!
//! | file | idea |
//! | --- | --- |
//! | `failures.rs` | the runs that failed, with what leads on from each |
//! | `spread.rs` | times, as a histogram |
//! | `overview.html`, `overview.css`, `script/` | how it is drawn |

mod failures;
mod spread;

use std::{collections::BTreeMap, path::PathBuf};

use serde::Serialize;

use self::{failures::Group, spread::Spread};
use super::{html, report};
use crate::{
    faults::Fault,
    phases::ending::bounds,
    probes::Probe,
    scenario::Version,
    verdict::{Moment, Outcome, Rule},
};

const PAGE: html::Page = html::Page {
    title: "A campaign of Conclave's simulation",
    body: include_str!("overview.html"),
    style: include_str!("overview.css"),
    scripts: &[
        include_str!("script/elements.js"),
        include_str!("script/charts.js"),
        include_str!("script/main.js"),
    ],
};

/// All that the page knows.
#[derive(Serialize)]
struct Data {
    version: String,
    seeds: String,
    /// What it came to, as on the terminal.
    verdict: String,
    is_green: bool,
    confidence: Option<String>,
    /// What, how much.
    figures: Vec<(&'static str, String)>,
    failures: Vec<Group>,
    course: Vec<Moment>,
    probes_in_all: usize,
    spreads: Vec<Spread>,
    /// Name, statement, in how many runs it was reached.
    probes: Vec<(&'static str, &'static str, u64)>,
    counts: Vec<Counts>,
    summary: String,
}

/// How often something was there, by its name.
#[derive(Serialize)]
struct Counts {
    title: &'static str,
    of: BTreeMap<String, u64>,
}

/// The page of a campaign. `pages` has those of failures that were made small, as the page is to link to them.
pub(crate) fn overview(
    outcome: &Outcome,
    seeds: &str,
    version: Version,
    pages: &BTreeMap<Rule, PathBuf>,
) -> Result<String, serde_json::Error> {
    html::fill(&PAGE, &data(outcome, seeds, version, pages))
}

fn data(outcome: &Outcome, seeds: &str, version: Version, pages: &BTreeMap<Rule, PathBuf>) -> Data {
    let Outcome { figures, course, .. } = outcome;
    Data {
        version: version.to_string(),
        seeds: seeds.to_owned(),
        verdict: report::verdict(outcome),
        is_green: report::is_green(outcome),
        confidence: report::confidence(outcome),
        figures: in_figures(outcome),
        failures: failures::groups(outcome, version, pages),
        course: course.clone(),
        probes_in_all: Probe::all().count(),
        spreads: vec![
            Spread::new("To a leader of a healed core", &figures.to_leader_ns, Some(bounds::TO_LEADER)),
            Spread::new("To the first write in it", &figures.to_first_write_ns, Some(bounds::TO_FIRST_WRITE)),
            Spread::new(
                "An undisturbed quorum without a leader, amid faults",
                &figures.without_leader_ns,
                None,
            ),
            Spread::new("A leader without a quorum, until it steps down", &figures.without_quorum_ns, None),
        ],
        probes: probes(&figures.probes),
        counts: vec![
            Counts { title: "Faults", of: with_nothing(Fault::NAMES, &figures.faults) },
            Counts { title: "Faults that found nothing to strike", of: figures.missed.clone() },
            Counts { title: "Operations, by what was told", of: figures.operations.clone() },
            Counts { title: "Machines outside of a core", of: figures.outsiders.clone() },
            Counts { title: "Knobs that were set", of: figures.knobs.clone() },
            Counts {
                title: "Points that fired",
                of: figures.buggify.iter().map(|(point, it)| (point.clone(), it.fired)).collect(),
            },
        ],
        summary: report::summary(outcome, seeds, version),
    }
}

fn in_figures(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let Outcome { runs, variations, figures, took, combinations, .. } = outcome;
    let combinations = combinations.map_or("not counted".to_owned(), |count| count.to_string());
    let took_s = took.as_secs_f64().max(1e-9);
    vec![
        ("runs", runs.to_string()),
        ("of them variations", variations.to_string()),
        ("runs a second", format!("{:.1}", *runs as f64 / took_s)),
        ("simulated", format!("{:.0} s", figures.simulated_ns as f64 / 1e9)),
        ("real time", format!("{took_s:.0} s")),
        ("elections", figures.elections.to_string()),
        ("entries committed", figures.committed.to_string()),
        ("snapshots", figures.snapshots.to_string()),
        ("faults", figures.faults.values().sum::<u64>().to_string()),
        ("probes reached", format!("{} of {}", figures.probes.len(), Probe::all().count())),
        ("combinations met", combinations),
        ("runs repeated", outcome.repeated.to_string()),
    ]
}

/// Those that no run reached first, then the rarest.
fn probes(reached: &BTreeMap<Probe, u64>) -> Vec<(&'static str, &'static str, u64)> {
    let runs = |probe: Probe| reached.get(&probe).copied().unwrap_or(0);
    let mut probes: Vec<_> =
        Probe::all().map(|probe| (probe.name(), probe.statement(), runs(probe))).collect();
    probes.sort_by_key(|(name, _, runs)| (*runs, *name));
    probes
}

/// With those that were never there.
fn with_nothing(names: &[&str], counts: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut all: BTreeMap<String, u64> = names.iter().map(|name| ((*name).to_owned(), 0)).collect();
    all.extend(counts.clone());
    all
}

#[cfg(test)]
mod tests;
