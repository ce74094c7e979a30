//! `cargo sim check`: judges a history that is stored in a file, of this system or of another one.

use std::{
    fmt::Display,
    fs,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use conclave_checks::{Timed, history::judge_while};
use linearizability::{
    Drawn, Effort, Evidence, Model, Operation, Verdict, check_while, picture,
    recorded::{AppendMap, Register, read_append_map, read_register},
};
use serde::Deserialize;

use super::output::say;
use crate::{
    trace::{Event, History, take},
    verdict::{Failure, HistoryRule},
};

/// Not linearizable.
const BROKEN: u8 = 1;
/// Neither was found within the bounds.
const UNDECIDED: u8 = 2;
/// The last operations of the longest order that are shown.
const SHOWN_MAX: usize = 10;
/// Real time is looked at after so many steps.
const STEPS_PER_LOOK: usize = 1024;

/// What the history is of.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Kind {
    /// One register with read, write and compare-and-set, in the format of Jepsen's tests of etcd.
    Register,
    /// A map of strings with put, append and get, one {:process ..} a line.
    AppendKv,
    /// This system's store: the output of 'cargo sim replay SEED --json --all', or '--json --kind client'.
    Kv,
}

/// How much a search may take.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) time: Duration,
    pub(super) memory_bytes: usize,
}

impl Bounds {
    /// Whether a search that begins now may go on: asked before each of its steps.
    fn begin(self) -> impl FnMut(Effort) -> bool {
        let began = Instant::now();
        let (mut steps, mut is_in_time) = (0, true);
        move |effort| {
            steps += 1;
            if steps % STEPS_PER_LOOK == 0 {
                is_in_time = began.elapsed() <= self.time;
            }
            is_in_time && effort.bytes <= self.memory_bytes
        }
    }
}

/// Judges a history, shows where it breaks, and returns the exit code that says so.
pub(super) fn check(file: &Path, kind: Kind, bounds: Bounds) -> Result<ExitCode> {
    let name = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("{name} cannot be read"))?;
    let malformed = |error: linearizability::recorded::Malformed| anyhow!("{name}, {error}");
    match kind {
        Kind::Register => search::<Register>(&read_register(&text).map_err(malformed)?, bounds, |returned| {
            returned.map_or_else(|| "nobody knows".to_owned(), ToString::to_string)
        }),
        Kind::AppendKv => search::<AppendMap>(
            &read_append_map(&text).map_err(malformed)?,
            bounds,
            |returned| match returned {
                None => "nobody knows".to_owned(),
                Some(None) => "done".to_owned(),
                Some(Some(seen)) => format!("{seen:?}"),
            },
        ),
        Kind::Kv => {
            judge_store(&read_store(&text).with_context(|| format!("{name} holds no history"))?, bounds)
        }
    }
}

fn search<M: Model>(
    history: &[Operation<M::Call, M::Return>],
    bounds: Bounds,
    answer: impl Fn(Option<&M::Return>) -> String,
) -> Result<ExitCode>
where
    M::Call: Display,
{
    ensure!(!history.is_empty(), "the file has no operations in this format: is it another --model?");
    let began = Instant::now();
    let mut steps = 0;
    let mut is_within = bounds.begin();
    let verdict = check_while::<M>(history, &mut |effort| {
        steps += 1;
        is_within(effort)
    });
    let took = began.elapsed();
    let unanswered = history.iter().filter(|operation| operation.returned.is_none()).count();
    let count = counted(history.len(), unanswered);
    let effort = format!("{count}, {steps} steps, {:.2} ms", 1e3 * took.as_secs_f64());
    let drawn = |number: &usize, is_marked: bool| {
        let Operation { called, returned, call } = &history[*number];
        let answer = answer(returned.as_ref().map(|(_, value)| value));
        let until = returned.as_ref().map(|(at, _)| *at);
        let lines = until.map_or_else(|| "?".to_owned(), |until| until.to_string());
        let text = format!("{call} → {answer}  (lines {called} to {lines})");
        Drawn { called: *called, returned: until, is_marked, text }
    };
    let (told, code, evidence) = match verdict {
        Verdict::Linearizable => {
            return say(&format!("linearizable: {effort}")).map(|()| ExitCode::SUCCESS);
        }
        Verdict::NotLinearizable(evidence) => ("not linearizable", BROKEN, evidence),
        Verdict::Exhausted(evidence) => ("undecided within --time and --memory", UNDECIDED, evidence),
    };
    say(&format!("{told}: {effort}"))?;
    let Evidence { part, explained, stuck } = evidence;
    say(&format!(
        "of {} operations that concern each other {} can be put in order; the last of these, and what leads nowhere, whichever comes \
         next (✗):",
        part.len(),
        explained.len()
    ))?;
    let last = &explained[explained.len().saturating_sub(SHOWN_MAX)..];
    let last = last.iter().map(|number| drawn(number, false));
    let shown: Vec<Drawn> = last.chain(stuck.iter().map(|number| drawn(number, true))).collect();
    say(picture(&shown).trim_end())?;
    Ok(ExitCode::from(code))
}

/// How many operations there are. A file that was cut off has some that nobody answers.
fn counted(operations: usize, unanswered: usize) -> String {
    match unanswered {
        0 => format!("{operations} operations"),
        _ => format!("{operations} operations, {unanswered} of them never answered"),
    }
}

/// A line of what 'cargo sim replay --json' prints.
#[derive(Deserialize)]
#[serde(untagged, expecting = "it is neither an event of a run nor the last line of one")]
enum Line {
    Event(Timed<Event>),
    /// What the run came to.
    #[allow(dead_code)]
    End {
        trace_hash: String,
    },
}

/// The events of a run, one a line; what is about no client says nothing.
fn read_store(text: &str) -> Result<History> {
    // Whether nodes compact by themselves is not part of what is stored.
    let mut history = History { nodes_compact: true, ..History::default() };
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(line).with_context(|| format!("line {}", place + 1))?;
        if let Line::Event(Timed { at_ns, event }) = line {
            take(&mut history, at_ns, &event).map_err(|what| anyhow!("line {}: {what}", place + 1))?;
        }
    }
    ensure!(
        !history.operations.is_empty(),
        "it has no operations of clients: 'cargo sim replay SEED --json --kind client' prints them"
    );
    Ok(history)
}

/// All judges of a run's history.
fn judge_store(history: &History, bounds: Bounds) -> Result<ExitCode> {
    let mut is_within = bounds.begin();
    match judge_while(history, &mut is_within) {
        Ok(()) => {
            let unanswered = history.operations.iter().filter(|operation| operation.answer.is_none()).count();
            let count = counted(history.operations.len(), unanswered);
            say(&format!("linearizable: {count}")).map(|()| ExitCode::SUCCESS)
        }
        Err(broken) => {
            let code = if broken.rule == HistoryRule::Judged { UNDECIDED } else { BROKEN };
            say(&Failure::from(broken).to_string()).map(|()| ExitCode::from(code))
        }
    }
}
