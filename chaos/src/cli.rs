//! The command line. Exit codes: 0 green, 1 red, 2 it could not be run, 77 skipped, 130 interrupted.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;

use crate::{
    lab,
    plan::{Interrupted, Plan, Sabotage},
    rendered::prove,
    run::run,
    schedule::{self, Stored},
    shape::Shape,
    story::Story,
    verdict::{HISTORY, Report},
};

const EXAMPLES: &str = "\
Examples:
  cargo chaos                              two minutes of a fresh seed
  cargo chaos --time 15m --seed 7          the long form
  cargo chaos --faults faults.json         the faults of a file, or a scenario of the simulation
  cargo chaos --rendered DIR               boots what deploy/aws/render.sh rendered
  cargo chaos --time 20s --sabotage wiped-majority    must be red
Exit codes: 0 green, 1 red, 2 it could not be run, 77 skipped, 130 interrupted";

/// Strikes a cluster of real processes in network namespaces, and judges what its clients were told.
#[derive(Debug, Parser)]
#[command(name = "cargo chaos", after_help = EXAMPLES)]
struct Args {
    /// How long faults strike, like 90s or 15m
    #[arg(long, value_name = "TIME", value_parser = parse_span, default_value = "2m")]
    time: Duration,
    /// What the faults, the shape of the cluster and the operations are drawn from; without it a fresh one
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Faults to strike instead of drawn ones: a list, or a scenario of the simulation
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Clients at work, on two machines
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u64).range(2..=1000))]
    clients: u64,
    /// Operations a second that the clients aim at together
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: u64,
    /// Clients must be answered within this while a majority is connected
    #[arg(long, value_name = "TIME", value_parser = parse_span, default_value = "15s")]
    gap_max: Duration,
    /// The program to strike; without it 'conclave' of this workspace is built, and struck
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Where logs, reports and what a failing run keeps are written; without it a folder of its own in target/chaos
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Boot the cloud-init files of this folder instead, as deploy/aws/render.sh writes them, and see them serve
    #[arg(long, value_name = "DIR", conflicts_with_all = ["time", "seed", "faults", "sabotage"])]
    rendered: Option<PathBuf>,
    /// Do harm that the judge must notice, to see that it looks
    #[arg(long, value_enum)]
    sabotage: Option<Sabotage>,
}

pub(crate) fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if error.use_stderr() => {
            eprintln!("{}", error.to_string().lines().next().unwrap_or("error: it cannot be understood"));
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    if let Some(why) = lab::missing() {
        eprintln!("skipped: {why}");
        return ExitCode::from(77);
    }
    match carry_out(&args) {
        Ok(code) => code,
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("interrupted: everything is cleaned up");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn carry_out(args: &Args) -> Result<ExitCode> {
    lab::remove_stale()?;
    let stop = Arc::<AtomicBool>::default();
    let stopped = stop.clone();
    ctrlc::set_handler(move || stopped.store(true, Ordering::Relaxed))?;
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let binary = match &args.binary {
        Some(binary) => {
            binary.canonicalize().with_context(|| format!("{} is not there", binary.display()))?
        }
        None => build()?,
    };
    let folder = folder(args.dir.as_deref(), seed)?;
    if let Some(rendered) = &args.rendered {
        return conclude_proof(prove(rendered, &binary, &folder, &stop), &folder);
    }
    let (mut shape, mut length) = (Shape::draw(seed), args.time);
    let faults = match &args.faults {
        Some(file) => {
            let stored = Stored::read(file, &mut shape)?;
            if !stored.left_out.is_empty() {
                Story::say(&format!(
                    "left out, because it is only simulated: {}",
                    stored.left_out.join(", ")
                ));
            }
            length = stored.length.unwrap_or(length);
            stored.faults
        }
        None => schedule::generate(seed, &shape, args.time),
    };
    fs::write(folder.join("faults.json"), serde_json::to_string_pretty(&faults)?)?;
    let plan = Plan {
        seed,
        shape,
        length,
        faults,
        clients: args.clients,
        rate: args.rate,
        binary,
        folder,
        sabotage: args.sabotage,
        gap_max: args.gap_max,
    };
    Story::say(&format!(
        "seed {seed}: {} faults in {} s, written to {}",
        plan.faults.len(),
        plan.length.as_secs(),
        plan.folder.display()
    ));
    let report = run(&plan, &stop).with_context(|| format!("seed {seed}, {}", plan.folder.display()))?;
    fs::write(plan.folder.join("report.json"), serde_json::to_string_pretty(&report)?)?;
    fs::write(plan.folder.join("report.md"), report.markdown())?;
    Ok(conclude(&plan, &report))
}

fn conclude(plan: &Plan, report: &Report) -> ExitCode {
    Story::say(&report.markdown());
    let folder = plan.folder.display();
    if report.failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    Story::say(&format!(
        "kept: {folder} (story.log, logs/, data/, {HISTORY}, faults.json, report.json)\n\
         next: less {folder}/story.log\n      \
         cargo sim check {folder}/{HISTORY} --model kv\n      \
         cargo chaos --seed {} --time {}s --faults {folder}/faults.json",
        plan.seed,
        plan.length.as_secs()
    ));
    ExitCode::from(1)
}

fn conclude_proof(proved: Result<()>, folder: &Path) -> Result<ExitCode> {
    match proved {
        Ok(()) => {
            Story::say("green: what is rendered runs");
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.is::<Interrupted>() => Err(error),
        Err(error) => {
            Story::say(&format!("RED: {error:#}\nkept: {} (the programs' logs, certs/)", folder.display()));
            Ok(ExitCode::from(1))
        }
    }
}

/// Builds the program as this one was built.
fn build() -> Result<PathBuf> {
    let own = env::current_exe()?;
    let profile = own.parent().context("this program is in no folder")?;
    if let Some(cargo) = env::var_os("CARGO") {
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--package", "conclave", "--bin", "conclave"]);
        if profile.ends_with("release") {
            command.arg("--release");
        }
        ensure!(command.status()?.success(), "'conclave' does not build");
    }
    let binary = profile.join("conclave");
    if !binary.exists() {
        bail!("{} is not there: build it, or name another with --binary", binary.display());
    }
    Ok(binary)
}

fn folder(given: Option<&Path>, seed: u64) -> Result<PathBuf> {
    let folder = match given {
        Some(folder) => folder.to_owned(),
        None => {
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
            PathBuf::from(format!("target/chaos/{now}-{seed}"))
        }
    };
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let is_empty = fs::read_dir(&folder)?.next().is_none();
    ensure!(is_empty, "{} holds something already: name another --dir", folder.display());
    Ok(folder.canonicalize()?)
}

fn parse_span(text: &str) -> Result<Duration, String> {
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits_end);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        _ => return Err("write it as a number and a unit, like 90s or 15m".to_owned()),
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds)) {
        Some(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("it must be between 1s and a day".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_defined() {
        Args::command().debug_assert();
    }

    #[test]
    fn spans_of_time_read_as_people_write_them() {
        assert_eq!(parse_span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_span("15m"), Ok(Duration::from_secs(900)));
        assert!(["", "5", "0s", "1h", "99999999m"].into_iter().all(|text| parse_span(text).is_err()));
    }
}
