//! The command line of the simulation.
#![allow(clippy::print_stderr)]

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};

use crate::{
    campaign::{Limit, Plan, campaign},
    generator::generate,
    report,
    run::run,
    scenario::Scenario,
};

/// Seeds of a campaign that was given neither a number nor a time.
const SEEDS_DEFAULT: u64 = 100;

const EXAMPLES: &str = "\
Examples:
  cargo sim                          100 fresh seeds
  cargo sim --seeds 200 --seed 1     the seeds 1 to 200
  cargo sim --time 60s --jobs 2      as many seeds as begin within a minute
  cargo sim replay 42                seed 42 again, with every event
  cargo sim show 42 > s.json         the scenario of seed 42, to edit
  cargo sim replay s.json            an edited or stored scenario";

/// Runs the cluster in a simulated world that crashes, partitions, delays and corrupts from a seed, and checks every
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
    Replay {
        /// A seed or a file.
        what: String,
        /// Print only the verdict and the trace hash.
        #[arg(long)]
        quiet: bool,
    },
    /// The scenario of a seed, as JSON.
    Show {
        /// The seed.
        seed: u64,
    },
    /// The trace hashes of some seeds, one a line.
    Hashes {
        /// The seeds, in the order in which they are run.
        seeds: Vec<u64>,
    },
}

#[derive(Args)]
struct RunArgs {
    /// How many seeds [default: 100].
    #[arg(long, conflicts_with = "time")]
    seeds: Option<u64>,
    /// For how long, for example 90s, 10m or 1h.
    #[arg(long, value_parser = parse_span)]
    time: Option<Duration>,
    /// The first seed [default: a fresh one].
    #[arg(long)]
    seed: Option<u64>,
    /// Runs at a time [default: one for each core].
    #[arg(long)]
    jobs: Option<usize>,
}

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
    let green = match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(args) => run_campaign(&args),
        Command::Replay { what, quiet } => replay(&what, quiet),
        Command::Show { seed } => show(seed),
        Command::Hashes { seeds } => hashes(&seeds),
    };
    match green {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// A panic in a simulated node is a finding, reported with its seed; its words on the terminal would bury that.
fn silence_panics() {
    if std::env::var_os("RUST_BACKTRACE_SIM").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
}

fn run_campaign(args: &RunArgs) -> Result<bool> {
    let limit = match (args.seeds, args.time) {
        (_, Some(time)) => Limit::Time(time),
        (seeds, None) => Limit::Seeds(seeds.unwrap_or(SEEDS_DEFAULT)),
    };
    let jobs = args.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    if jobs == 0 {
        bail!("--jobs 0 runs nothing: give at least 1");
    }
    let plan = Plan { first_seed: args.seed.unwrap_or_else(fresh_seed), limit, jobs };
    let outcome = campaign(plan);
    print!("{}", report::summary(&outcome, plan.first_seed));
    Ok(outcome.failures.is_empty())
}

/// Seeds of campaigns are meant to differ from run to run, and to be short enough to be typed.
fn fresh_seed() -> u64 {
    rand::random::<u32>().into()
}

fn replay(what: &str, quiet: bool) -> Result<bool> {
    let scenario = match what.parse() {
        Ok(seed) => generate(seed),
        Err(_) => load(Path::new(what))?,
    };
    let verdict = run(&scenario, !quiet);
    if !quiet {
        println!("{}", report::describe(&scenario));
        verdict.story.iter().for_each(|line| println!("{line}"));
    }
    println!("trace hash {:016x} over {} events", verdict.trace_hash, verdict.figures.events);
    match &verdict.failure {
        None => println!("green"),
        Some(failure) => println!("failed: {failure}"),
    }
    Ok(verdict.failure.is_none())
}

fn load(path: &Path) -> Result<Scenario> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} is neither a seed nor a file that can be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no scenario", path.display()))
}

fn show(seed: u64) -> Result<bool> {
    println!("{}", serde_json::to_string_pretty(&generate(seed))?);
    Ok(true)
}

fn hashes(seeds: &[u64]) -> Result<bool> {
    for &seed in seeds {
        let verdict = run(&generate(seed), false);
        println!("{seed} {:016x}", verdict.trace_hash);
    }
    Ok(true)
}

fn parse_span(text: &str) -> Result<Duration> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let count: u64 = digits.parse().context("a time is a number and a unit: 90s, 10m, 1h")?;
    let unit_s = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => bail!("unknown unit {unit:?}: use s, m or h, as in 90s, 10m, 1h"),
    };
    Ok(Duration::from_secs(count * unit_s))
}
