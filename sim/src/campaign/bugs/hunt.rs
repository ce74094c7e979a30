//! Seeds are run with a bug in, until one is red. Each runs in a process of its own: a bug may crash it, or keep it running for
//! ever.

use std::{
    fs,
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{
    super::{repetition::this_program, subject::load},
    result::{Found, HuntResult},
};
use crate::scenario::BEYOND_SEEDS;

/// A run takes a second or two: one that takes so long does not end.
const RUN_TIME_MAX: Duration = Duration::from_secs(120);
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// One seed of so many damages more disks than the system bears: no answer may be wrong then either, and no promise taken back.
const BEYOND_ONE_IN: u64 = 8;
/// The rule that a run breaks which does not end, or ends without a verdict.
const NO_VERDICT: &str = "no-verdict";

pub(super) struct Hunt {
    /// The sources that the bugs are put into.
    pub(super) sources: u64,
    /// It goes on until its runs have taken so much processor time.
    pub(super) time: Duration,
    /// Runs at a time.
    pub(super) jobs: usize,
}

impl Hunt {
    /// Runs the seeds from `first_seed` on until one is red.
    ///
    /// # Errors
    /// The program cannot be run; or the seed is red without the bug too: then it found something else.
    pub(super) fn hunt(&self, bug: &str, program: &Path, first_seed: u64) -> Result<HuntResult> {
        let cpu_before = children_cpu_seconds()?;
        let is_over =
            || Ok::<_, anyhow::Error>(children_cpu_seconds()? - cpu_before >= self.time.as_secs_f64());
        let next = AtomicU64::new(0);
        let red = Mutex::new(None::<Found>);
        let work = || -> Result<()> {
            while red.lock().expect("no run panics").is_none() && !is_over()? {
                let seed = nth_seed(first_seed, next.fetch_add(1, Ordering::Relaxed));
                if let Some(found) = run(Command::new(program), seed)? {
                    let mut first = red.lock().expect("no run panics");
                    if first.as_ref().is_none_or(|first| seed < first.seed) {
                        *first = Some(found);
                    }
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("no run panics"))
        })?;
        let core_seconds = children_cpu_seconds()? - cpu_before;
        let seeds = next.into_inner();
        let found = red.into_inner().expect("no run panics");
        if let Some(Found { seed, .. }) = found {
            let without = run(this_program(), seed)?;
            ensure!(
                without.is_none(),
                "seed {seed} is red without {bug} too: cargo sim replay {seed} ({without:?})"
            );
        }
        let (bug, sources) = (bug.to_owned(), self.sources);
        Ok(HuntResult { bug, sources, first_seed, seeds, core_seconds, found })
    }
}

fn nth_seed(first_seed: u64, number: u64) -> u64 {
    let seed = first_seed.wrapping_add(number);
    if number % BEYOND_ONE_IN == BEYOND_ONE_IN - 1 { seed | BEYOND_SEEDS } else { seed }
}

/// Runs one seed. Returns what was found, if it is red.
fn run(mut program: Command, seed: u64) -> Result<Option<Found>> {
    program.args(["replay", &seed.to_string(), "--quiet"]);
    let child = program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.context("the program with the bug cannot be started")?;
    let ended = wait(&mut child)?;
    let mut told = String::new();
    child.stdout.take().expect("it is piped").read_to_string(&mut told).context("a run tells text")?;
    let failed = told.lines().find_map(|line| line.strip_prefix("failed: "));
    let found = |rule: &str, detail: &str| {
        let (rule, detail) = (rule.to_owned(), detail.to_owned());
        Some(Found { seed, rule, detail, faults: None })
    };
    Ok(match (failed.and_then(|failed| failed.split_once(": ")), ended) {
        (Some((rule, detail)), _) => found(rule, detail),
        (None, true) if told.lines().any(|line| line == "green") => None,
        (None, true) => found(NO_VERDICT, "the process died"),
        (None, false) => found(NO_VERDICT, &format!("no end within {} s", RUN_TIME_MAX.as_secs())),
    })
}

/// Waits for a run to end. False: it did not, and was ended.
fn wait(child: &mut Child) -> Result<bool> {
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        if began.elapsed() > RUN_TIME_MAX {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    Ok(true)
}

/// Shrinks a seed with the bug in. Returns the names of the faults that are left; `None` if it is not red any more in the end.
pub(super) fn shrink(program: &Path, seed: u64, time: Duration, file: &Path) -> Result<Option<Vec<String>>> {
    let mut shrink = Command::new(program);
    shrink.args(["shrink", &seed.to_string(), "--time", &format!("{}s", time.as_secs()), "--out"]).arg(file);
    let status = shrink.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !status.context("the program with the bug cannot be started")?.success() {
        return Ok(None);
    }
    Ok(Some(load(file)?.faults.iter().map(|timed| timed.fault.name().to_owned()).collect()))
}

/// What all processes took that this one started and that have ended: in a hundredth of a second.
fn children_cpu_seconds() -> Result<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").context("/proc/self/stat tells what runs take")?;
    // (The name, in parentheses, may hold blanks.) User time is the 14th field behind it, system time the next.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: Vec<f64> = fields.skip(13).take(2).filter_map(|field| field.parse().ok()).collect();
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_of_eight_is_beyond_the_envelope() {
        let seeds: Vec<u64> = (0..16).map(|number| nth_seed(100, number)).collect();
        assert_eq!(seeds[..8], [100, 101, 102, 103, 104, 105, 106, BEYOND_SEEDS + 107]);
        assert_eq!(seeds.iter().filter(|seed| **seed >= BEYOND_SEEDS).count(), 2);
    }
}
