//! The command line of the simulation. Exit codes: 0 green, 1 red, 2 not run for a mistake of the caller.
#![allow(clippy::print_stderr)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Parser, Subcommand};
use conclave::env::{Buggify, Knob};
use serde_json::json;

use super::{
    bench,
    bugs::{BugsArgs, bugs},
    check, difference,
    execution::carry_out,
    failure::{shrink_and_store, write_page},
    output::say,
    plan::{Plan, jobs_or_all, parse_span},
    refresh,
};
use crate::{
    explain::{self, Kind, Selected, Selection},
    probes::Probe,
    run::run,
    scenario::{BEYOND_SEEDS, Scenario, generate},
    shrink::Budget,
    verdict::Verdict,
};

const EXAMPLES: &str = "\
Examples:
  cargo sim                          100 fresh seeds
  cargo sim --seeds 200 --seed 1     the seeds 1 to 200
  cargo sim --time 60s --jobs 2      as many seeds as begin within a minute
  cargo sim --beyond                 more disks damaged than the system bears: no answer may be wrong
  cargo sim replay 42                seed 42 again: what happened, and how it ended
  cargo sim replay 42 --all          every event
  cargo sim replay 42 --node 1 --kind election --from 2000 --to 3000
  cargo sim show 42 > s.json         the scenario of seed 42, to edit
  cargo sim replay s.json            an edited or stored scenario
  cargo sim replay 42 --html p.html  the whole run as a page for a browser
  cargo sim check FILE --model register   any history, judged
  cargo sim shrink 42                the smallest scenario that still fails as seed 42 does
  cargo sim repeat 42                whether seed 42 is the same in another process, and where not
  cargo sim bugs figure-8 --time 2m  a known bug, put in and hunted
  cargo sim bench                    how much faster than real time the simulation is
  cargo sim probes                   the rare states that runs should reach
Exit codes: 0 green, 1 red, 2 a mistake of the caller, 3 a stored scenario that does not reach what it is kept for,
4 a run that differs from its repetition, 130 interrupted before anything was red";

/// Runs the cluster in a simulated world that crashes, partitions and delays from a seed, and checks every
/// step. A failing seed prints the line that replays it.
#[derive(Parser)]
#[command(name = "cargo sim", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand)]
enum Command {
    /// A campaign of many seeds (the default).
    Run(RunArgs),
    /// One run again, explained: a seed, or a file with a scenario.
    Replay(ReplayArgs),
    /// The smallest scenario that still fails the same way: a seed, or a file with a scenario.
    Shrink {
        /// A seed or a file.
        what: String,
        /// For how long at most, for example 90s or 10m.
        #[arg(long, default_value = "2m")]
        time: String,
        /// Runs at a time [default: one for each core].
        #[arg(long)]
        jobs: Option<usize>,
        /// Where it is stored [default: target/sim/failures/RULE-SEED.json].
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Judges a history that is stored in a file: of this system, or of another one. Exit codes: 0 linearizable, 1 not, 2
    /// undecided, 3 a mistake of the caller.
    Check {
        /// The history.
        file: PathBuf,
        /// What it is of.
        #[arg(long)]
        model: check::Kind,
        /// For how long at most, for example 90s or 10m.
        #[arg(long, default_value = "60s")]
        time: String,
        /// How much the search may remember, in MiB.
        #[arg(long, default_value_t = 4096, value_name = "MIB")]
        memory: usize,
    },
    /// The scenario of a seed, as JSON.
    Show {
        /// The seed.
        seed: u64,
    },
    /// Runs a scenario here and in another process, and shows the first event that differs: a seed, or a file.
    Repeat {
        /// A seed or a file.
        what: String,
        /// Seeds that are run here before.
        #[arg(long, value_name = "SEED", num_args = 1..)]
        after: Vec<u64>,
    },
    /// Gives a stored scenario a schedule under which it reaches what it is kept for.
    Refresh {
        /// The scenario, with the probes that it is to reach ("reaches").
        file: PathBuf,
        /// For how long at most, for example 90s or 10m.
        #[arg(long, default_value = "2m")]
        time: String,
    },
    /// Known bugs of the field, put in one at a time and hunted: which are found, by what, and how soon. Exit codes: 0 all found, 1
    /// not all.
    Bugs(BugsArgs),
    /// How much faster than real time one core simulates: the reference load beside the bare simulator.
    Bench {
        /// How often each is measured; the best counts.
        #[arg(long, default_value_t = 3)]
        turns: u32,
    },
    /// The rare states that runs should reach: their names, and what they are.
    Probes,
    /// The points in the programs that a scenario may switch on: their names, and what happens there.
    Points,
    /// The limits of the programs that a scenario may set: their names, and what they are.
    Knobs,
    /// The trace hashes of some seeds, one a line.
    Hashes {
        /// The seeds, in the order in which they are run.
        seeds: Vec<u64>,
    },
}

#[derive(Args)]
struct ReplayArgs {
    /// A seed or a file.
    what: String,
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

#[derive(Args)]
struct RunArgs {
    /// How many seeds [default: 100].
    #[arg(long, conflicts_with = "time")]
    seeds: Option<u64>,
    /// For how long, for example 90s, 10m or 1h.
    #[arg(long)]
    time: Option<String>,
    /// The first seed [default: a fresh one].
    #[arg(long)]
    seed: Option<u64>,
    /// Runs at a time [default: one for each core].
    #[arg(long)]
    jobs: Option<usize>,
    /// Leave the scenarios that fail as they are.
    #[arg(long)]
    no_shrink: bool,
    /// Damage more disks than the system bears: it need not serve, but no answer may be wrong. Such seeds are numbered from 2^40 on.
    #[arg(long)]
    beyond: bool,
}

const RED: u8 = 1;
/// A stored scenario that does not reach what it is kept for.
const STALE: u8 = 3;
/// The exit code of what was not run for a mistake of the caller; where 2 stands for undecided, another one.
const MISTAKE: u8 = 2;
const MISTAKE_OF_CHECK: u8 = 3;

/// Parses the arguments and carries them out.
pub fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("CONCLAVE_LOG").unwrap_or_else(|_| "off".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    silence_panics();
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Run(cli.run));
    let mistake = if matches!(command, Command::Check { .. }) { MISTAKE_OF_CHECK } else { MISTAKE };
    let ended = match command {
        Command::Run(args) => campaign(&args),
        Command::Replay(args) => replay(args),
        Command::Shrink { what, time, jobs, out } => shrink(&what, &time, jobs, out.as_deref()),
        Command::Check { file, model, time, memory } => judged(&file, model, &time, memory),
        Command::Show { seed } => show(seed),
        Command::Repeat { what, after } => repeat(&what, &after),
        Command::Refresh { file, time } => refresh(&file, &time),
        Command::Bugs(args) => bugs(&args),
        Command::Bench { turns } => bench::bench(turns),
        Command::Probes => list(Probe::all().map(|probe| (probe.name(), probe.statement()))),
        Command::Knobs => list(Knob::ALL.iter().map(|knob| (knob.name(), knob.statement()))),
        Command::Points => list(Buggify::ALL.iter().map(|point| (point.name(), point.statement()))),
        Command::Hashes { seeds } => hashes(&seeds),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(mistake)
    })
}

/// A panic in a simulated node is a finding, reported with its seed; its words on the terminal would bury that.
fn silence_panics() {
    if std::env::var_os("RUST_BACKTRACE_SIM").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
}

fn campaign(RunArgs { seeds, time, seed, jobs, no_shrink, beyond }: &RunArgs) -> Result<ExitCode> {
    let mut plan = Plan::new(*seeds, time.as_deref(), *seed, *jobs)?;
    if *beyond && plan.first_seed < BEYOND_SEEDS {
        plan.first_seed += BEYOND_SEEDS;
    }
    carry_out(plan, !no_shrink)
}

fn replay(ReplayArgs { what, quiet, all, kind, node, from, to, json, html }: ReplayArgs) -> Result<ExitCode> {
    let scenario = scenario_of(&what)?;
    let verdict = run(&scenario, !quiet);
    let (kinds, nodes) = (kind.into_iter().collect(), node.into_iter().collect());
    if let Some(file) = html {
        return show_page(&what, &scenario, &verdict, &file);
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
                verdict.figures.buggify.iter().map(|(&point, it)| (point, [it.asked, it.fired])).collect();
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
    match &verdict.failure {
        None => say("green")?,
        Some(failure) => {
            say(&format!("failed: {failure}"))?;
            if !quiet {
                say(&format!("  shrink it with: cargo sim shrink {what}"))?;
            }
        }
    }
    Ok(ExitCode::from(code_of(&scenario, &verdict)))
}

fn show_page(what: &str, scenario: &Scenario, verdict: &Verdict, file: &Path) -> Result<ExitCode> {
    write_page(what, scenario, verdict, file)?;
    say(&match &verdict.failure {
        None => "green".to_owned(),
        Some(failure) => format!("failed: {failure}"),
    })?;
    say(&format!("open it in a browser: {}", file.display()))?;
    Ok(ExitCode::from(code_of(scenario, verdict)))
}

fn code_of(scenario: &Scenario, verdict: &Verdict) -> u8 {
    match verdict.failure {
        Some(_) => RED,
        None if !explain::missed(scenario, &verdict.figures).is_empty() => STALE,
        None => 0,
    }
}

fn tell(scenario: &Scenario, Selected { events, left_out }: &Selected<'_>) -> Result<()> {
    say(&explain::describe(scenario))?;
    if *left_out > 0 {
        say(&format!(
            "  ... {left_out} earlier events are left out: --all shows every event, --help how to choose"
        ))?;
    }
    events.iter().try_for_each(|event| say(&explain::line(scenario, event)))
}

fn shrink(what: &str, time: &str, jobs: Option<usize>, out: Option<&Path>) -> Result<ExitCode> {
    let budget = Budget { time: parse_span(time)?, jobs: jobs_or_all(jobs)? };
    let scenario = scenario_of(what)?;
    let Some(failure) = run(&scenario, false).failure else {
        bail!("{what} is green: there is nothing to shrink");
    };
    say(&format!("{what} fails: {failure}\n"))?;
    shrink_and_store(&scenario, failure.rule, budget, out)?;
    Ok(ExitCode::SUCCESS)
}

/// That of a seed, or of a file.
fn scenario_of(what: &str) -> Result<Scenario> {
    match what.parse() {
        Ok(seed) => Ok(generate(seed)),
        Err(_) => load(Path::new(what)),
    }
}

fn load(path: &Path) -> Result<Scenario> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{name} is neither a seed nor a file that can be read"))?;
    serde_json::from_str(&text).map_err(|error| anyhow!("{name} holds no scenario: {error}"))
}

fn show(seed: u64) -> Result<ExitCode> {
    say(&serde_json::to_string_pretty(&generate(seed))?)?;
    Ok(ExitCode::SUCCESS)
}

fn repeat(what: &str, after: &[u64]) -> Result<ExitCode> {
    difference::repeat(what, &scenario_of(what)?, after)
}

fn refresh(file: &Path, time: &str) -> Result<ExitCode> {
    refresh::refresh(file, &load(file)?, parse_span(time)?)
}

fn list(rows: impl Iterator<Item = (&'static str, &'static str)>) -> Result<ExitCode> {
    for (name, statement) in rows {
        say(&format!("{name:<28} {statement}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn judged(file: &Path, kind: check::Kind, time: &str, memory_mib: usize) -> Result<ExitCode> {
    let memory_bytes = memory_mib.saturating_mul(1 << 20);
    check::check(file, kind, check::Bounds { time: parse_span(time)?, memory_bytes })
}

fn hashes(seeds: &[u64]) -> Result<ExitCode> {
    for &seed in seeds {
        say(&format!("{seed} {:016x}", run(&generate(seed), false).trace_hash))?;
    }
    Ok(ExitCode::SUCCESS)
}
