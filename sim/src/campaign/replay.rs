//! `cargo sim replay`: one run again, explained.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Result, bail, ensure};
use conclave_checks::Timed;
use serde_json::json;

use super::{exit, failure::write_page, output::say, subject::Given};
use crate::{
    explain::{self, Kind, Level, Selected, Selection},
    probes::Probe,
    run::run,
    scenario::{About, Scenario},
    trace::Event,
    verdict::Verdict,
};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    given: Given,
    /// Print only the verdict and the trace hash.
    #[arg(long)]
    quiet: bool,
    /// How much is shown [default: everything that other options ask for; without any, the story].
    #[arg(long, value_name = "LEVEL")]
    level: Option<Level>,
    /// Every event: as --level all.
    #[arg(long, conflicts_with = "level")]
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
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quiet", "json", "all", "level"])]
    html: Option<PathBuf>,
}

impl Args {
    /// What is to be shown.
    ///
    /// # Errors
    /// It would be nothing, whatever happens.
    fn selection(&self, scenario: &Scenario) -> Result<Selection> {
        let is_known = |node: u64| scenario.shape.founders().chain(scenario.newcomers()).any(|it| it == node);
        if let Some(unknown) = self.node.iter().find(|&&node| !is_known(node)) {
            bail!("--node {unknown}: the scenario has no such node");
        }
        if let (Some(from), Some(to)) = (self.from, self.to) {
            ensure!(from <= to, "--from {from} is later than --to {to}");
        }
        Ok(Selection {
            level: if self.all { Some(Level::All) } else { self.level },
            kinds: self.kind.iter().copied().collect(),
            nodes: self.node.iter().copied().collect(),
            from_ms: self.from,
            to_ms: self.to,
        })
    }
}

/// Runs it again, shows what is asked for, and returns the exit code that says how it ended.
pub(super) fn replay(args: Args) -> Result<ExitCode> {
    let Args { given, quiet, json, html, .. } = &args;
    let scenario = given.scenario()?;
    let selection = args.selection(&scenario)?;
    let verdict = run(&scenario, !quiet);
    let code = ExitCode::from(code_of(&scenario, &verdict));
    if let Some(file) = html {
        show_page(&given.what, &scenario, &verdict, file)?;
        return Ok(code);
    }
    match (quiet, json) {
        (true, _) => {}
        (false, true) => {
            tell_as_data(&selection.choose(&verdict.story).events, &verdict)?;
            return Ok(code);
        }
        (false, false) => tell(&scenario, &selection.choose(&verdict.story))?,
    }
    say(&format!("trace hash {:016x} over {} events", verdict.trace_hash, verdict.figures.events))?;
    if !quiet || !explain::missed(&scenario, &verdict.figures).is_empty() {
        say(&explain::reached_by(&scenario, &verdict.figures))?;
    }
    say(&how_it_ended(&verdict))?;
    if verdict.failure.is_some() && !quiet {
        say("what led to it:")?;
        explain::what_led_to_it(&scenario, &verdict)
            .iter()
            .try_for_each(|(at_ns, words)| say(&explain::at(*at_ns, words)))?;
        say(&format!("  see it with: cargo sim replay {given} --html page.html"))?;
        say(&format!("  shrink it with: cargo sim shrink {given}"))?;
    }
    Ok(code)
}

fn tell_as_data(events: &[&Timed<Event>], verdict: &Verdict) -> Result<()> {
    events.iter().try_for_each(|event| say(&serde_json::to_string(event)?))?;
    let hash = format!("{:016x}", verdict.trace_hash);
    let probes: Vec<Probe> = verdict.figures.probes.keys().copied().collect();
    let buggify: BTreeMap<_, _> =
        verdict.figures.buggify.iter().map(|(point, it)| (point, [it.asked, it.fired])).collect();
    let told =
        json!({ "trace_hash": hash, "failure": verdict.failure, "probes": probes, "buggify": buggify });
    say(&told.to_string())
}

fn show_page(what: &str, scenario: &Scenario, verdict: &Verdict, file: &Path) -> Result<()> {
    write_page(what, scenario, verdict, file)?;
    say(&how_it_ended(verdict))?;
    say(&format!("open it in a browser: {}", file.display()))
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
            "  ... {left_out} earlier events are left out: '--level outline --from 0' shows phases, faults and elections from the \
             beginning, --all every event, --help how to choose"
        ))?;
    }
    events.iter().try_for_each(|event| say(&explain::line(scenario, event)))
}
