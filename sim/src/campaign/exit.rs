//! The exit codes of the command line: each says what a caller does next.

use crate::{
    explain,
    verdict::{Class, Failure, Outcome},
};

/// A rule of safety broke: something wrong was told, or written.
const SAFETY: u8 = 1;
/// A known bug was hunted and not found.
pub(super) const NOT_FOUND: u8 = 1;
/// Nothing was run, for a mistake of the caller; where 2 stands for undecided, another one.
pub(super) const MISTAKE: u8 = 2;
pub(super) const MISTAKE_OF_CHECK: u8 = 3;
/// A stored scenario does not reach what it is kept for.
pub(super) const STALE: u8 = 3;
/// Two runs of one scenario were not the same.
pub(super) const DIFFERENT: u8 = 4;
/// What should come to be did not, or came too late.
const LIVENESS: u8 = 5;
/// A program panicked, or ended by itself.
const CRASH: u8 = 6;
/// A campaign was as large as to meet every kind of fault and every rare state, and did not.
const HOLES: u8 = 7;
/// Interrupted before anything was red, as any interrupted program.
pub(super) const INTERRUPTED: u8 = 130;

pub(super) const HELP: &str = "\
Exit codes: 0 green; 1 safety: something wrong was told, or written; 5 liveness: what should come to be did not, or too late;
6 crash: a program panicked, or ended by itself; of several the gravest: safety, crash, liveness.
2 a mistake of the caller, 3 a stored scenario that does not reach what it is kept for, 4 a run that differs from its repetition,
7 a campaign of 20,000 seeds or more that never met a kind of fault, a rare state, a point or a knob, 130 interrupted before anything was red";

/// That of a run that failed.
pub(super) fn of_failure(failure: &Failure) -> u8 {
    of_class(failure.rule.class())
}

/// That of a campaign.
pub(super) fn of_campaign(outcome: &Outcome) -> u8 {
    match outcome.by_rule().keys().next() {
        Some((gravest, _)) => of_class(*gravest),
        None if !explain::within_limits(&outcome.figures) => LIVENESS,
        None if !outcome.holes().is_empty() => HOLES,
        None if outcome.interrupted => INTERRUPTED,
        None => 0,
    }
}

fn of_class(class: Class) -> u8 {
    match class {
        Class::Determinism => DIFFERENT,
        Class::Safety => SAFETY,
        Class::Crash => CRASH,
        Class::Liveness => LIVENESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        phases::ending::bounds::CORES_MIN,
        verdict::{Failed, Figures, HistoryRule, Rule, Subject},
    };

    fn code(rules: &[Rule], figures: Figures) -> u8 {
        let failed = |&rule: &Rule| Failed {
            subject: Subject::Seed(1),
            failure: Failure::new(rule, [], String::new()),
            faults: 0,
            events: 0,
        };
        let failures = rules.iter().map(failed).collect();
        of_campaign(&Outcome { failures, figures, ..Outcome::default() })
    }

    #[test]
    fn the_gravest_failure_decides() {
        let code = |rules: &[Rule]| code(rules, Figures::default());
        assert_eq!(code(&[]), 0);
        assert_eq!(code(&[Rule::CoreElects]), LIVENESS);
        assert_eq!(code(&[Rule::CoreElects, Rule::NoPanic]), CRASH);
        assert_eq!(
            code(&[Rule::NoPanic, Rule::History(HistoryRule::Linearizable), Rule::CoreElects]),
            SAFETY
        );
        assert_eq!(code(&[Rule::History(HistoryRule::Linearizable), Rule::SameTrace]), DIFFERENT);
    }

    #[test]
    fn so_many_seeds_that_struck_nothing_are_not_green() {
        assert_eq!(of_campaign(&Outcome { runs: 19_999, ..Outcome::default() }), 0);
        assert_eq!(of_campaign(&Outcome { runs: 20_000, ..Outcome::default() }), HOLES);
    }

    #[test]
    fn cores_that_take_too_long_are_a_matter_of_liveness() {
        let slow = Figures { to_leader_ns: vec![3_600_000_000_000; CORES_MIN], ..Figures::default() };
        assert_eq!(code(&[], slow), LIVENESS);
    }
}
