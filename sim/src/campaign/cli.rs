//! The command line of the simulation.

use std::{
    fmt::Display,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Result, bail, ensure};
use clap::{Args, Parser, Subcommand};
use conclave::env::{Buggify, Knob};
use serde_json::json;

use super::{
    aim::Aim,
    bench,
    bugs::{BugsArgs, bugs},
    check, difference,
    execution::carry_out,
    exit,
    failure::shrink_and_store,
    output::say,
    plan::{Plan, jobs_or_all, parse_span},
    refresh,
    replay::{self, replay},
    results::merge,
    save::{self, save},
    shard::Shard,
    subject::{Given, load},
};
use crate::{
    faults,
    probes::Probe,
    run::run,
    scenario::{BEYOND_SEEDS, generate},
    shrink::Budget,
    verdict::Rule,
};

const EXAMPLES: &str = "\
Examples:
  cargo sim                          100 fresh seeds
  cargo sim --seeds 200 --seed 1     the seeds 1 to 200
  cargo sim --time 60s --jobs 2      as many seeds as begin within a minute
  cargo sim --seed 1 --seeds 9000 --shard 2/3    a third of them, on one of three machines
  cargo sim merge a.jsonl b.jsonl    what several machines found, as one
  cargo sim --beyond                 more disks damaged than the system bears: no answer may be wrong
  cargo sim replay 42                seed 42 again: what happened, and how it ended
  cargo sim replay 42 --all          every event
  cargo sim replay 42 --node 1 --kind election --from 2000 --to 3000
  cargo sim show 42 > s.json         the scenario of seed 42, to edit
  cargo sim replay s.json            an edited or stored scenario
  cargo sim replay 42 --html p.html  the whole run as a page for a browser
  cargo sim check FILE --model register   any history, judged
  cargo sim shrink 42                the smallest scenario that still fails as seed 42 does
  cargo sim save FILE --story WORDS --mend WORDS    keep it in sim/corpus, once it is mended
  cargo sim repeat 42                whether seed 42 is the same in another process, and where not
  cargo sim bugs figure-8 --time 2m  a known bug, put in and hunted
  cargo sim bench                    how much faster than real time the simulation is
  cargo sim probes                   the rare states that runs should reach
  cargo sim faults                   what can go wrong, and how it is written in a scenario
  cargo sim rules                    what must hold of a run";

/// Runs the cluster in a simulated world that crashes, partitions and delays from a seed, and checks every
/// step. A failing seed prints the line that replays it.
#[derive(Parser)]
#[command(name = "cargo sim", after_help = format!("{EXAMPLES}\n{}", exit::HELP))]
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
    Replay(replay::Args),
    /// The smallest scenario that still fails the same way, or still reaches some rare states: a seed, or a file with a scenario.
    Shrink {
        #[command(flatten)]
        given: Given,
        /// What a green one is to reach still; may be given several times.
        #[arg(long, value_name = "PROBE")]
        reaches: Vec<Probe>,
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
    /// Puts a scenario into the corpus, which `cargo test` replays, with its story.
    Save(save::Args),
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
    /// What several campaigns found, as one: files with results, of shards or of any campaigns of one build.
    Merge {
        /// Files that campaigns wrote (target/sim/campaigns/*.jsonl).
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Where the page of it is written.
        #[arg(long, value_name = "FILE", default_value = "target/sim/campaigns/merged.html")]
        html: PathBuf,
    },
    /// The scenario of a seed, or of a file, as JSON.
    Show(Given),
    /// Runs a scenario here and in another process, and shows the first event that differs: a seed, or a file.
    Repeat {
        #[command(flatten)]
        given: Given,
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
    /// The limits of the programs that a scenario may set: their names, what they are, and what they may be set to.
    Knobs,
    /// What can go wrong: the names of all faults, and an example of each as a scenario has it.
    Faults,
    /// What must hold of a run: the names of all rules, what they say, and where they come from.
    Rules,
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
    /// Run one of N shards of the seeds, from 1/N to N/N [default: what AWS_BATCH_JOB_ARRAY_INDEX and AWS_BATCH_JOB_ARRAY_SIZE say, or
    /// JOB_COMPLETION_INDEX and JOB_COMPLETIONS; or all seeds].
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Spend every other run on a variation of a scenario that reached something new. What fails is stored: it has no seed.
    #[arg(long, requires = "time", conflicts_with = "seed")]
    guidance: bool,
    /// Spend no run on variations: the default.
    #[arg(long, overrides_with = "guidance")]
    no_guidance: bool,
    /// Write the results into this file, and their page beside it [default: one in target/sim/campaigns].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
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
    let cli = Cli::try_parse().unwrap_or_else(|error| refuse(&error));
    let command = cli.command.unwrap_or(Command::Run(cli.run));
    let mistake =
        if matches!(command, Command::Check { .. }) { exit::MISTAKE_OF_CHECK } else { exit::MISTAKE };
    let ended = match command {
        Command::Run(args) => campaign(&args),
        Command::Replay(args) => replay(args),
        Command::Shrink { given, reaches, time, jobs, out } => {
            shrink(&given, reaches, &time, jobs, out.as_deref())
        }
        Command::Save(args) => save(args),
        Command::Check { file, model, time, memory } => judged(&file, model, &time, memory),
        Command::Merge { files, html } => merge(&files, &html),
        Command::Show(given) => show(&given),
        Command::Repeat { given, after } => repeat(&given, &after),
        Command::Refresh { file, time } => refresh(&file, &time),
        Command::Bugs(args) => bugs(&args),
        Command::Bench { turns } => bench::bench(turns),
        Command::Probes => list(Probe::all().map(|probe| (probe.name(), probe.statement().to_owned()))),
        Command::Knobs => list(Knob::ALL.iter().map(|knob| (knob.name(), of_knob(*knob)))),
        Command::Points => {
            list(Buggify::ALL.iter().map(|point| (point.name(), point.statement().to_owned())))
        }
        Command::Faults => {
            list(faults::examples().map(|fault| (fault.name(), format!("{fault}: {}", json!(fault)))))
        }
        Command::Rules => list(Rule::all().map(|rule| (rule.to_string(), of_rule(rule)))),
        Command::Hashes { seeds } => hashes(&seeds),
    };
    ended.unwrap_or_else(|error| {
        // Whoever reads neither the answer nor the error gets the exit code.
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::from(mistake)
    })
}

/// Nothing is run: the words say how it is asked for.
fn refuse(error: &clap::Error) -> ! {
    let is_check = std::env::args().nth(1).is_some_and(|word| word == "check");
    let _ = error.print();
    let mistake = if is_check { exit::MISTAKE_OF_CHECK } else { exit::MISTAKE };
    std::process::exit(if error.use_stderr() { mistake.into() } else { 0 })
}

/// A panic in a simulated node is a finding, reported with its seed; its words on the terminal would bury that.
fn silence_panics() {
    if std::env::var_os("RUST_BACKTRACE_SIM").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
}

fn campaign(
    RunArgs { seeds, time, seed, jobs, no_shrink, beyond, shard, out, guidance, .. }: &RunArgs,
) -> Result<ExitCode> {
    let environment = || Shard::of_environment(|name| std::env::var(name).ok());
    let shard = shard.map_or_else(environment, |shard| Ok(Some(shard)))?;
    let mut plan = Plan::new(*seeds, time.as_deref(), *seed, *jobs, shard)?;
    if *beyond && plan.first_seed < BEYOND_SEEDS {
        plan.first_seed += BEYOND_SEEDS;
    }
    if *guidance {
        plan = plan.guided()?;
    }
    carry_out(plan, !no_shrink, out.as_deref())
}

fn shrink(
    given: &Given,
    reaches: Vec<Probe>,
    time: &str,
    jobs: Option<usize>,
    out: Option<&Path>,
) -> Result<ExitCode> {
    let budget = Budget { time: parse_span(time)?, jobs: jobs_or_all(jobs)? };
    let (what, scenario) = (&given.what, given.scenario()?);
    let verdict = run(&scenario, false);
    let aim = match &verdict.failure {
        Some(failure) => {
            say(&format!("{what} fails: {failure}\n"))?;
            Aim::Breaks(failure.rule)
        }
        None if reaches.is_empty() => bail!("{what} is green: there is nothing to shrink"),
        None => Aim::Reaches(reaches.into_iter().collect()),
    };
    ensure!(aim.is_met(&verdict), "{what} does not reach {aim}");
    shrink_and_store(&scenario, &aim, budget, out)?;
    Ok(ExitCode::SUCCESS)
}

fn show(given: &Given) -> Result<ExitCode> {
    say(&serde_json::to_string_pretty(&given.scenario()?)?)?;
    Ok(ExitCode::SUCCESS)
}

fn repeat(given: &Given, after: &[u64]) -> Result<ExitCode> {
    difference::repeat(&given.what, &given.scenario()?, after)
}

fn refresh(file: &Path, time: &str) -> Result<ExitCode> {
    refresh::refresh(file, &load(file)?, parse_span(time)?)
}

fn of_knob(knob: Knob) -> String {
    format!("{} ({} to {})", knob.statement(), knob.allowed().start(), knob.allowed().end())
}

fn of_rule(rule: Rule) -> String {
    format!("{}: {} ({})", rule.class(), rule.statement(), rule.source())
}

fn list(rows: impl Iterator<Item = (impl Display, String)>) -> Result<ExitCode> {
    for (name, statement) in rows {
        say(&format!("{:<28} {statement}", name.to_string()))?;
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
