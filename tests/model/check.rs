//! Running the checker, and telling what it found.

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, Write},
    thread,
    time::{Duration, Instant},
};

use stateright::{Checker, CheckerBuilder, Expectation, HasDiscoveries, Model};

use crate::{always, bounds::Consensus};

const THREADS: usize = 2;
const PROGRESS_EVERY: Duration = Duration::from_secs(60);

/// Goes through every state within the bounds. Everything that should hold must hold in each, and all that should
/// happen must happen in some, except for what the bounds are too tight for.
pub(crate) fn check(name: &str, bounds: &str, too_tight_for: &[&str]) {
    let begin = Instant::now();
    let checker = builder(bounds).threads(THREADS).spawn_bfs().join();
    report(format_args!("{name} ({bounds}): {}", figures(&checker, begin)));
    assert_nothing_broken(&checker);
    for property in checker.model().properties() {
        let is_expected =
            property.expectation == Expectation::Sometimes && !too_tight_for.contains(&property.name);
        let is_found = checker.discovery(property.name).is_some();
        assert!(!is_expected || is_found, "within these bounds it never happens that {}", property.name);
        assert!(is_expected || !is_found, "within these bounds it does happen that {}", property.name);
    }
}

/// As many states as can be seen in the time. Depth first, because the states that wait to be looked at would not
/// all fit into memory.
pub(crate) fn check_for(time: Duration, bounds: &str) {
    let begin = Instant::now();
    let checker = builder(bounds).threads(THREADS).timeout(time).spawn_dfs();
    let mut reports = 1;
    while !checker.is_done() && begin.elapsed() < time {
        thread::sleep(Duration::from_secs(1));
        if begin.elapsed() >= reports * PROGRESS_EVERY {
            reports += 1;
            report(format_args!("{bounds}: so far {}", figures(&checker, begin)));
        }
    }
    let is_complete = begin.elapsed() < time;
    let checker = checker.join();
    let extent = if is_complete { "all" } else { "time is up after" };
    report(format_args!("{bounds}: {extent} {}", figures(&checker, begin)));
    assert_nothing_broken(&checker);
}

/// A model that is known to be broken must break each of these invariants.
pub(crate) fn assert_broken(model: Consensus, invariants: &[&'static str]) {
    let begin = Instant::now();
    for &invariant in invariants {
        let found = HasDiscoveries::AllOf(BTreeSet::from([invariant]));
        let checker = model.clone().checker().finish_when(found).spawn_bfs().join();
        let path = checker.discovery(invariant).unwrap_or_else(|| panic!("never broken: {invariant}"));
        let steps = path.into_actions().len();
        report(format_args!("\"{invariant}\" is broken by {steps} steps; {}", figures(&checker, begin)));
    }
}

fn builder(bounds: &str) -> CheckerBuilder<Consensus> {
    Consensus::within(bounds).checker().finish_when(HasDiscoveries::AnyFailures)
}

fn assert_nothing_broken(checker: &impl Checker<Consensus>) {
    for invariant in always::properties() {
        if let Some(path) = checker.discovery(invariant.name) {
            let last = path.last_state().broken.clone();
            let actions: String =
                path.into_actions().iter().map(|action| format!("  {action:?}\n")).collect();
            panic!(
                "broken: {} {}, by\n{actions}",
                invariant.name,
                last.map_or(String::new(), |broken| format!("({broken:?})"))
            );
        }
    }
}

/// Shown also by a plain `cargo test`, which keeps what goes through `println!` to itself.
fn report(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn figures(checker: &impl Checker<Consensus>, begin: Instant) -> String {
    let states = with_commas(checker.unique_state_count());
    let steps = with_commas(checker.state_count());
    let (depth, seconds) = (checker.max_depth(), begin.elapsed().as_secs_f64());
    format!("{states} states, {steps} steps between them, to depth {depth} in {seconds:.1} s")
}

fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}
