//! What a campaign came to, what a scenario is, and how a failure is replayed.

use std::{collections::BTreeMap, fmt::Write, path::Path, time::Duration};

use crate::{
    phases::ending::bounds::{self, Limits},
    probes::Probe,
    scenario::{Scenario, Timed, Version},
    shrink::Shrunk,
    verdict::{Class, Failed, Figures, Outcome, Rule, Subject},
    world::Fired,
};

/// The summary of a campaign of this version. `seeds` says which they are.
pub(crate) fn summary(outcome: &Outcome, seeds: &str, version: Version) -> String {
    let Figures { simulated_ns, elections, snapshots, committed, events, .. } = &outcome.figures;
    let Figures { faults, operations, probes, buggify, knobs, .. } = &outcome.figures;
    let simulated_s = *simulated_ns as f64 / 1e9;
    let took_s = outcome.took.as_secs_f64();
    let mut text = String::new();
    let _ = writeln!(text, "seeds        {} ({seeds})", outcome.seeds());
    if outcome.variations > 0 {
        let _ = writeln!(text, "variations   {} of scenarios that reached something new", outcome.variations);
    }
    let _ = writeln!(
        text,
        "time         {simulated_s:.0} s simulated in {took_s:.1} s: {:.0} x real time",
        simulated_s / took_s.max(1e-9)
    );
    if let Some(bytes) = outcome.peak_bytes {
        let _ = writeln!(text, "memory       {} MiB at most at a time", bytes >> 20);
    }
    let _ = writeln!(
        text,
        "consensus    {elections} elections, {committed} entries committed, {snapshots} snapshots, {events} events"
    );
    let _ = writeln!(text, "faults       {}", counts(faults));
    let _ = writeln!(text, "operations   {}", counts(operations));
    text += &cores(&outcome.figures);
    text += &amid_faults(&outcome.figures);
    let _ = writeln!(text, "points       {}", points(buggify));
    let _ = writeln!(text, "knobs        {}", counts(knobs));
    let _ = writeln!(text, "probes       {}", reached(probes));
    let unreached: Vec<&str> = outcome.never_reached().into_iter().map(Probe::name).collect();
    for (what, names) in [("kinds of faults", outcome.never_struck()), ("probes", unreached)] {
        if !names.is_empty() {
            let _ = writeln!(text, "never        {} {what}: {}", names.len(), names.join(", "));
        }
    }
    if let Some(combinations) = outcome.combinations {
        let _ =
            writeln!(text, "combinations {combinations} of a change of role, a fault and how a log stands");
    }
    for ((class, rule), failures) in outcome.by_rule() {
        let [shortest, others @ ..] = &failures[..] else { continue };
        let others: String = others.iter().map(|failed| format!(" | {}", failed.subject)).collect();
        let again = again(rule, &shortest.subject, version);
        let _ = writeln!(text, "failed       {rule} ({class}): {again}{others}");
    }
    if outcome.repeated > 0 {
        let differing =
            outcome.failures.iter().filter(|failed| failed.failure.rule == Rule::SameTrace).count();
        let told = if differing == 0 { "all the same".to_owned() } else { format!("{differing} DIFFER") };
        let _ = writeln!(text, "repeated     {} runs in another process and order: {told}", outcome.repeated);
    }
    if let Some(confidence) = confidence(outcome) {
        let _ = writeln!(text, "confidence   {confidence}");
    }
    let _ = writeln!(text, "verdict      {}", verdict(outcome));
    text
}

/// What so many green seeds say of all.
pub(super) fn confidence(outcome: &Outcome) -> Option<String> {
    let percent = 100.0 * failure_chance_max(outcome.seeds());
    (outcome.failures.is_empty() && outcome.seeds() > 0)
        .then(|| format!("95 % that fewer than {percent:.2} % of all seeds fail"))
}

pub(super) fn is_green(outcome: &Outcome) -> bool {
    outcome.failures.is_empty() && within_limits(&outcome.figures) && outcome.holes().is_empty()
}

pub(super) fn verdict(outcome: &Outcome) -> String {
    let interrupted = if outcome.interrupted { " (interrupted)" } else { "" };
    match outcome.failures.len() {
        0 if !within_limits(&outcome.figures) => {
            format!("RED: healed cores take longer than the limits allow{interrupted}")
        }
        0 if !outcome.holes().is_empty() => {
            let holes = outcome.holes().join(", ");
            format!("RED: {} runs never met what they should have: {holes}{interrupted}", outcome.runs)
        }
        0 => format!("green{interrupted}"),
        count => format!("RED: {count} of {} runs failed{interrupted}", outcome.runs),
    }
}

/// How long healed cores took, and how long they may.
fn cores(figures: &Figures) -> String {
    let mut text = format!("outsiders    {}\n", counts(&figures.outsiders));
    for (what, times_ns, Limits { p50, p99 }) in
        timed(figures).into_iter().filter(|timed| !timed.1.is_empty())
    {
        let _ = writeln!(
            text,
            "{what}  {} in {} cores (limits: p50 {p50:?}, p99 {p99:?}, all: each run's own)",
            spread(times_ns),
            times_ns.len()
        );
    }
    text
}

/// How long things took while faults lasted elsewhere. Each run held all of them to its own bounds.
fn amid_faults(figures: &Figures) -> String {
    let stretches = [
        ("leaderless ", &figures.without_leader_ns, "an undisturbed quorum had no leader that commits"),
        ("unheard    ", &figures.without_quorum_ns, "a leader that heard no quorum led on"),
    ];
    let seconds = |ns| Duration::from_nanos(ns).as_secs();
    let Figures { watched_ns, followed_ns, served_ns, .. } = *figures;
    let mut text = format!(
        "availability watched for {} s: in {} s an undisturbed quorum was followed, in {} s of these a leader that serves\n",
        seconds(watched_ns),
        seconds(followed_ns),
        seconds(served_ns)
    );
    for (what, times_ns, told) in stretches.into_iter().filter(|stretches| !stretches.1.is_empty()) {
        let _ = writeln!(text, "{what}  {} of {} times that {told}", spread(times_ns), times_ns.len());
    }
    text
}

fn spread(times_ns: &[u64]) -> String {
    let seconds = |time_ns| Duration::from_nanos(time_ns).as_secs_f64();
    let [p50, p99, max] = [50, 99, 100].map(|percent| seconds(percentile(times_ns, percent)));
    format!("p50 {p50:.3} s, p99 {p99:.3} s, max {max:.3} s")
}

/// Healed cores take no longer than they may, if there are enough to tell.
pub(crate) fn within_limits(figures: &Figures) -> bool {
    timed(figures).iter().all(|(_, times_ns, Limits { p50, p99 })| {
        if times_ns.len() < bounds::CORES_MIN {
            return true;
        }
        let within = |percent, limit| Duration::from_nanos(percentile(times_ns, percent)) <= limit;
        within(50, *p50) && within(99, *p99)
    })
}

fn timed(figures: &Figures) -> [(&'static str, &[u64], Limits); 2] {
    [
        ("to a leader", &figures.to_leader_ns, bounds::TO_LEADER),
        ("to a write ", &figures.to_first_write_ns, bounds::TO_FIRST_WRITE),
    ]
}

/// The smallest of them that so many percent do not exceed; of none, 0.
pub(super) fn percentile(times_ns: &[u64], percent: usize) -> u64 {
    let mut sorted = times_ns.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or(0)
}

/// The chance p that a seed fails for which so many green ones in a row are just not surprising: (1 - p)^runs = 5 %.
fn failure_chance_max(runs: u64) -> f64 {
    1.0 - 0.05_f64.powf(1.0 / runs as f64)
}

/// How often points fired, of how often they were come to.
fn points(fired: &BTreeMap<String, Fired>) -> String {
    let each = fired.iter().map(|(name, Fired { asked, fired })| format!("{name} {fired} of {asked}"));
    let total: u64 = fired.values().map(|point| point.fired).sum();
    format!("{total} ({})", each.collect::<Vec<_>>().join(", "))
}

/// In how many runs probes were reached, the rarest first.
fn reached(probes: &BTreeMap<Probe, u64>) -> String {
    let mut rarest_first: Vec<(u64, &str)> =
        probes.iter().map(|(probe, &runs)| (runs, probe.name())).collect();
    rarest_first.sort_unstable();
    let each: Vec<String> = rarest_first.iter().map(|(runs, name)| format!("{name} {runs}")).collect();
    format!("{} of {} reached, in so many runs: {}", probes.len(), Probe::all().count(), each.join(", "))
}

/// What a run reached, and what it was to reach and did not.
pub(crate) fn reached_by(scenario: &Scenario, figures: &Figures) -> String {
    let names: Vec<&str> = figures.probes.keys().map(|probe| probe.name()).collect();
    let mut text = format!("reached {} probes: {}", names.len(), names.join(", "));
    let missed = missed(scenario, figures);
    if !missed.is_empty() {
        let _ = write!(
            text,
            "\nSTALE: this scenario is kept for {}, which it does not reach any more",
            missed.join(", ")
        );
    }
    text
}

/// The probes that a stored scenario is kept for, and does not reach.
pub(crate) fn missed(scenario: &Scenario, figures: &Figures) -> Vec<&'static str> {
    let missed = scenario.reaches.iter().filter(|probe| !figures.probes.contains_key(probe));
    missed.map(|probe| probe.name()).collect()
}

/// The command that shows a failure again.
pub(super) fn again(rule: Rule, subject: &Subject, version: Version) -> String {
    let again = if rule == Rule::SameTrace { "repeat" } else { "replay" };
    format!("cargo sim {again} {}", named(subject, version))
}

/// A subject on the command line: what a seed means depends on the version.
fn named(subject: &Subject, version: Version) -> String {
    match subject {
        Subject::Seed(seed) => format!("{seed} --version {version}"),
        other => other.to_string(),
    }
}

/// A subject for a reader.
pub(crate) fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Seed(seed) => format!("seed {seed}"),
        other => other.to_string(),
    }
}

/// A failure and the lines that show it again, and make it smaller.
pub(crate) fn failure(Failed { subject, failure, .. }: &Failed, version: Version) -> String {
    let what = self::subject(subject);
    let again = again(failure.rule, subject, version);
    match failure.rule.class() {
        Class::Determinism => format!("{what} differs: {failure}\n  look into it with: {again}\n"),
        class => format!(
            "{what} failed ({class}): {failure}\n  replay it with: {again}\n  shrink it with: cargo sim shrink {}\n",
            named(subject, version)
        ),
    }
}

/// What is left of a scenario that was shrunk, and the commands that go on from there. `aim` says what it is that it still does; its
/// page lies beside its file.
pub(crate) fn shrunk(before: &Scenario, (what, aim): (&str, &str), shrunk: &Shrunk, file: &str) -> String {
    let Shrunk { scenario, is_smallest, runs, took, robustness: (meeting, schedules) } = shrunk;
    let page = Path::new(file).with_extension("html").display().to_string();
    let needed = match (is_smallest, scenario.faults.len()) {
        (true, 0) => "it takes none",
        (true, _) => "each of them needed",
        (false, _) => "the time was over: more may go",
    };
    let mut text = format!("{what:<12} {aim}\n");
    let _ = writeln!(text, "faults       {} -> {}: {needed}", before.faults.len(), scenario.faults.len());
    for Timed { at_ms, for_ms, moment, fault } in &scenario.faults {
        let when = moment.map(|moment| format!(", when {moment}")).unwrap_or_default();
        let _ = writeln!(text, "             at {at_ms} ms{when}, for {for_ms} ms: {fault}");
    }
    let sizes = [
        ("nodes", before.shape.priorities.len() as u64, scenario.shape.priorities.len() as u64),
        ("proxies", before.shape.proxies, scenario.shape.proxies),
        ("clients", before.shape.clients, scenario.shape.clients),
        ("ms of chaos", before.chaos_ms, scenario.chaos_ms),
    ];
    let sizes = sizes.map(|(what, before, after)| format!("{before} -> {after} {what}"));
    let _ = writeln!(text, "shape        {}", sizes.join(", "));
    let _ = writeln!(
        text,
        "robustness   the same under {meeting} of {schedules} schedules: other latencies, another order of tasks"
    );
    let _ = writeln!(text, "effort       {runs} runs in {:.0} s", took.as_secs_f64());
    let _ = writeln!(text, "stored as    {file}");
    let _ = writeln!(text, "  its page:        {page}, for a browser");
    let _ = writeln!(text, "  its story:       cargo sim replay {file}");
    if !is_smallest {
        let _ = writeln!(text, "  shrink it more:  cargo sim shrink {file} --time 10m --out {file}");
    }
    let mend = if what == "rule" { " --mend \"...\" --reaches PROBE" } else { "" };
    let _ = writeln!(text, "  keep it:         cargo sim save {file} --story \"...\"{mend}");
    text
}

/// A scenario in a few lines.
pub(crate) fn describe(scenario: &Scenario) -> String {
    format!(
        "{} nodes (priorities {:?}), {} proxies, {} clients on {} keys, {} ms of chaos with {} faults",
        scenario.shape.priorities.len(),
        scenario.shape.priorities,
        scenario.shape.proxies,
        scenario.shape.clients,
        scenario.workload.keys,
        scenario.chaos_ms,
        scenario.faults.len()
    )
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    let total: u64 = counts.values().sum();
    let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    format!("{total} ({})", each.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Failure, HistoryRule};

    /// The rule of three: 3 / runs, for many runs.
    #[test]
    fn green_seeds_bound_the_chance_of_a_red_one() {
        assert!((failure_chance_max(1) - 0.95).abs() < 1e-9);
        assert!((failure_chance_max(100) - 0.0295).abs() < 1e-4);
        assert!((failure_chance_max(3_000) - 0.001).abs() < 1e-5);
    }

    #[test]
    fn slow_cores_make_a_campaign_red() {
        let in_ns = |ms: &[u64]| ms.iter().map(|ms| ms * 1_000_000).collect();
        let figures = |ms: &[u64]| Figures { to_leader_ns: in_ns(ms), ..Figures::default() };
        let with = |quick: usize, slow: usize, ms: u64| [vec![10; quick], vec![ms; slow]].concat();
        assert!(within_limits(&figures(&[])));
        assert!(within_limits(&figures(&[10, 7_000])), "too few to tell");
        assert!(within_limits(&figures(&with(50, 50, 900))));
        assert!(!within_limits(&figures(&with(49, 51, 900))), "half of them");
        assert!(within_limits(&figures(&with(99, 1, 5_000))));
        assert!(!within_limits(&figures(&with(98, 2, 5_000))), "two of a hundred");
        assert_eq!(percentile(&[4, 1, 3, 2], 50), 2);
        assert_eq!(percentile(&[4, 1, 3, 2], 99), 4);
    }

    #[test]
    fn a_green_campaign_says_what_that_means_and_a_red_one_does_not() {
        let told = |outcome: &Outcome| summary(outcome, "1 to 100", version());
        let green = Outcome { runs: 100, ..Outcome::default() };
        assert!(told(&green).contains("95 % that fewer than 2.95 % of all seeds fail"));
        assert!(!told(&Outcome::default()).contains("confidence"));
        let red = Outcome { failures: vec![failed(Rule::NoPanic)], ..green };
        assert!(!told(&red).contains("confidence"));
        assert!(
            told(&red).contains("failed       no-panic (crash): cargo sim replay 7 --version 0000002a\n")
        );
    }

    #[test]
    fn a_failure_is_told_with_the_lines_that_show_it_again() {
        let told = failure(&failed(Rule::History(HistoryRule::Linearizable)), version());
        assert!(told.starts_with("seed 7 failed (safety): linearizable: "), "{told}");
        assert!(told.contains("cargo sim replay 7 --version 0000002a\n"), "{told}");
        assert!(told.contains("cargo sim shrink 7 --version 0000002a\n"), "{told}");
        let told = failure(&failed(Rule::SameTrace), version());
        assert!(told.ends_with("cargo sim repeat 7 --version 0000002a\n"), "{told}");
    }

    fn version() -> Version {
        "0000002a".parse().expect("eight digits")
    }

    fn failed(rule: Rule) -> Failed {
        let failure = Failure::new(rule, [], "it broke".to_owned());
        Failed { subject: Subject::Seed(7), failure, faults: 3, events: 100 }
    }
}
