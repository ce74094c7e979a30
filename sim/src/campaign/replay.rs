//! `cargo sim replay`: one run again, explained.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use serde_json::json;

use super::{exit, failure::write_page, output::say, subject::Given};
use crate::{
    explain::{self, Kind, Selected, Selection},
    probes::Probe,
    run::run,
    scenario::{About, Scenario},
    verdict::Verdict,
};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    given: Given,
    /// Print only the verdict and the trace hash.
    #[arg(long)]
    quiet: bool,
    /// Every event, instead of what tells what happened (a screen or two).
    #[arg(long)]
    all: bool,
    /// Events of this kind; may be given several times.
    #[arg(long, value_name = "KIND")]
    kind: Vec<Kind>,
    /// Events of this node, and those of no node; may be given several times.
    #[arg(long, value_name = "N")]
    node: Vec<u64>,
    /// Events from this time on, in milliseconds.
    #[arg(long, value_name = "MS")]
    from: Option<u64>,
    /// Events up to this time, in milliseconds.
    #[arg(long, value_name = "MS")]
    to: Option<u64>,
    /// Events as JSON, one a line, instead of words.
    #[arg(long)]
    json: bool,
    /// Write the whole run as one page for a browser into this file; the terminal is told how it ended.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quiet", "json", "all"])]
    html: Option<PathBuf>,
}

/// Runs it again, shows what is asked for, and returns the exit code that says how it ended.
pub(super) fn replay(Args { given, quiet, all, kind, node, from, to, json, html }: Args) -> Result<ExitCode> {
    let scenario = given.scenario()?;
    let verdict = run(&scenario, !quiet);
    let (kinds, nodes) = (kind.into_iter().collect(), node.into_iter().collect());
    if let Some(file) = html {
        return show_page(&given.what, &scenario, &verdict, &file);
    }
    let selection = Selection { all, kinds, nodes, from_ms: from, to_ms: to };
    match (quiet, json) {
        (true, _) => {}
        (false, true) => {
            let events = selection.choose(&verdict.story).events;
            events.iter().try_for_each(|event| say(&serde_json::to_string(event)?))?;
            let hash = format!("{:016x}", verdict.trace_hash);
            let probes: Vec<Probe> = verdict.figures.probes.keys().copied().collect();
            let buggify: BTreeMap<_, _> =
                verdict.figures.buggify.iter().map(|(point, it)| (point, [it.asked, it.fired])).collect();
            let told = json!({ "trace_hash": hash, "failure": verdict.failure, "probes": probes, "buggify": buggify });
            say(&told.to_string())?;
            return Ok(ExitCode::from(code_of(&scenario, &verdict)));
        }
        (false, false) => tell(&scenario, &selection.choose(&verdict.story))?,
    }
    say(&format!("trace hash {:016x} over {} events", verdict.trace_hash, verdict.figures.events))?;
    if !quiet || !explain::missed(&scenario, &verdict.figures).is_empty() {
        say(&explain::reached_by(&scenario, &verdict.figures))?;
    }
    say(&how_it_ended(&verdict))?;
    if verdict.failure.is_some() && !quiet {
        say(&format!("  shrink it with: cargo sim shrink {given}"))?;
    }
    Ok(ExitCode::from(code_of(&scenario, &verdict)))
}

fn show_page(what: &str, scenario: &Scenario, verdict: &Verdict, file: &Path) -> Result<ExitCode> {
    write_page(what, scenario, verdict, file)?;
    say(&how_it_ended(verdict))?;
    say(&format!("open it in a browser: {}", file.display()))?;
    Ok(ExitCode::from(code_of(scenario, verdict)))
}

fn how_it_ended(verdict: &Verdict) -> String {
    verdict.failure.as_ref().map_or_else(|| "green".to_owned(), |failure| format!("failed: {failure}"))
}

fn code_of(scenario: &Scenario, verdict: &Verdict) -> u8 {
    match &verdict.failure {
        Some(failure) => exit::of_failure(failure),
        None if !explain::missed(scenario, &verdict.figures).is_empty() => exit::STALE,
        None => 0,
    }
}

fn tell(scenario: &Scenario, Selected { events, left_out }: &Selected<'_>) -> Result<()> {
    say(&explain::describe(scenario))?;
    if scenario.about != About::default() {
        say(&scenario.about.to_string())?;
    }
    if *left_out > 0 {
        say(&format!(
            "  ... {left_out} earlier events are left out: --all shows every event, --help how to choose"
        ))?;
    }
    events.iter().try_for_each(|event| say(&explain::line(scenario, event)))
}
