//! Some of a campaign's runs are carried out twice: the second time in another process, and in the opposite order. The same scenario
//! gives the same trace, or nothing that a campaign says can be replayed.

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::verdict::{Failed, Failure, Rule, Subject};

/// One run in so many.
const ONE_IN: u64 = 20;

/// A run that is carried out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeated {
    pub(super) seed: u64,
    pub(super) trace_hash: u64,
}

/// Whether the run of this number, from 0, is carried out again.
pub(super) fn is_repeated(number: u64) -> bool {
    number.is_multiple_of(ONE_IN)
}

/// Carries runs out again, in so many processes at a time. Returns those that differ.
///
/// # Errors
/// A process could not be started, or came to no end.
pub(super) fn repeat(runs: &[Repeated], jobs: usize) -> Result<Vec<Failed>> {
    let shares: Vec<&[Repeated]> = runs.chunks(runs.len().div_ceil(jobs).max(1)).collect();
    let started: Vec<_> = shares.iter().map(|share| start(share)).collect::<Result<_>>()?;
    let mut differing = Vec::new();
    for (share, child) in shares.into_iter().zip(started) {
        let output = child.wait_with_output().context("the repetition did not end")?;
        ensure!(output.status.success(), "the repetition ended with {}", output.status);
        let told = String::from_utf8_lossy(&output.stdout);
        differing.extend(compare(share, &told)?);
    }
    Ok(differing)
}

fn start(share: &[Repeated]) -> Result<std::process::Child> {
    let last_first = share.iter().rev().map(|run| run.seed.to_string());
    let mut command = this_program();
    command.arg("hashes").args(last_first).stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().context("the repetition cannot be started")
}

/// The program that runs, even if another one has been built in its place.
pub(super) fn this_program() -> Command {
    const RUNNING: &str = "/proc/self/exe";
    let elsewhere = || std::env::current_exe().map_or_else(|_| OsString::from("conclave-sim"), Into::into);
    let program = if Path::new(RUNNING).exists() { OsString::from(RUNNING) } else { elsewhere() };
    Command::new(program)
}

/// What a repetition told, against what was: the runs that differ.
fn compare(share: &[Repeated], told: &str) -> Result<Vec<Failed>> {
    let again: Vec<&str> = told.lines().collect();
    ensure!(again.len() == share.len(), "the repetition told of {} runs, not {}", again.len(), share.len());
    let runs = share.iter().rev().zip(again);
    let differing = runs.filter_map(|(run, again)| {
        let before = format!("{} {:016x}", run.seed, run.trace_hash);
        (before != again).then(|| differs(run, again))
    });
    Ok(differing.collect())
}

fn differs(&Repeated { seed, trace_hash }: &Repeated, again: &str) -> Failed {
    let again = again.split(' ').nth(1).unwrap_or(again);
    let detail =
        format!("trace hash {trace_hash:016x} at first, {again} in another process and after other seeds");
    let failure = Failure::new(Rule::SameTrace, [], detail);
    Failed { subject: Subject::Seed(seed), failure, faults: 0, events: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: [Repeated; 2] = [Repeated { seed: 7, trace_hash: 10 }, Repeated { seed: 8, trace_hash: 11 }];

    #[test]
    fn a_run_that_differs_is_a_failure_of_its_own_rule() {
        let same = compare(&RUNS, "8 000000000000000b\n7 000000000000000a\n").expect("as many");
        assert!(same.is_empty());
        let differing = compare(&RUNS, "8 000000000000000c\n7 000000000000000a\n").expect("as many");
        let [Failed { subject: Subject::Seed(8), failure, .. }] = &differing[..] else {
            panic!("it differs: {differing:?}");
        };
        assert_eq!(failure.rule, Rule::SameTrace);
        assert!(failure.detail.starts_with("trace hash 000000000000000b at first, 000000000000000c in "));
    }

    #[test]
    fn a_repetition_that_tells_of_other_runs_is_no_verdict() {
        assert!(compare(&RUNS, "8 000000000000000b\n").is_err());
        assert_eq!(compare(&RUNS, "9 000000000000000b\n7 000000000000000a\n").expect("as many").len(), 1);
    }
}
