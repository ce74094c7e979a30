//! The rules of a run on trial: of each an input that breaks it, under its name, and the nearest one that breaks none.

use serde_json::json;

use super::super::*;
use crate::{
    phases::tests::{self as phases, ending, recovery},
    scenario::{Ending, generate},
    verdict::{
        Class,
        trial::{Trial, Version},
    },
    world::{Knobs, Rates},
};

const NO_PANIC: &[Trial] = &[Trial { judge: a_proxy_crashes, says: "a scenario names existing machines" }];

/// Where a rule is tried.
enum Tried {
    Here(&'static [Trial]),
    /// By a test of this name in this text, which looks into what nobody else may.
    There {
        text: &'static str,
        test: &'static str,
    },
    /// In `conclave_checks`, whose own tests demand it.
    ByChecks,
}

/// Every rule somewhere.
fn tried(rule: Rule) -> Tried {
    Tried::Here(match rule {
        Rule::StoredStateIsSound => recovery::STORED_STATE_IS_SOUND,
        Rule::ProcessesRunOn => phases::PROCESSES_RUN_ON,
        Rule::CoreElects => ending::CORE_ELECTS,
        Rule::CoreServes => ending::CORE_SERVES,
        Rule::CoreConverges => ending::CORE_CONVERGES,
        Rule::WritesSucceed => recovery::WRITES_SUCCEED,
        Rule::ChangesEnd => recovery::CHANGES_END,
        Rule::MistakesAreRefused => recovery::MISTAKES_ARE_REFUSED,
        Rule::ClientsAreAnswered => recovery::CLIENTS_ARE_ANSWERED,
        Rule::ReadsSucceed => recovery::READS_SUCCEED,
        Rule::MembersConverge => recovery::MEMBERS_CONVERGE,
        Rule::TransferSucceeds => recovery::TRANSFER_SUCCEEDS,
        Rule::RemovedNodesStop => recovery::REMOVED_NODES_STOP,
        Rule::NoPanic => NO_PANIC,
        Rule::SameTrace => {
            return Tried::There {
                text: include_str!("../../campaign/repetition.rs"),
                test: "a_run_that_differs_is_a_failure_of_its_own_rule",
            };
        }
        Rule::History(_) | Rule::Invariant(_) => return Tried::ByChecks,
    })
}

/// Of a proxy that there is not; or of one that there is.
fn a_proxy_crashes(version: Version) -> Result<(), Failure> {
    let mut scenario = generate(1);
    (scenario.ending, scenario.chaos_ms) = (Ending::default(), 3_000);
    (scenario.buggify, scenario.knobs) = (Rates::default(), Knobs::default());
    let crash = json!({"proxy-crash": {"proxy": version.of(99, 0)}});
    let faults = json!([{"at_ms": 2_000, "for_ms": 500, "kind": crash}]);
    scenario.faults = serde_json::from_value(faults).expect("faults");
    run(&scenario, false).failure.map_or(Ok(()), Err)
}

fn try_out(rule: Rule, &Trial { judge, says }: &Trial) {
    assert_eq!(judge(Version::Lawful), Ok(()), "{rule}: the lawful version is forbidden ({says})");
    let failure = judge(Version::Broken).expect_err(&format!("{rule}: the broken version passes ({says})"));
    assert_eq!(failure.rule, rule, "it is forbidden by another rule: {failure}");
    assert!(failure.detail.contains(says), "it does not say '{says}': {failure}");
}

/// Each rule of a class.
fn try_out_all(class: Class) {
    for rule in Rule::all().filter(|rule| rule.class() == class) {
        match tried(rule) {
            Tried::Here(trials) => {
                assert!(!trials.is_empty(), "{rule} is never tried");
                trials.iter().for_each(|trial| try_out(rule, trial));
            }
            Tried::There { text, test } => {
                let (_, after) = text.split_once(&format!("fn {test}(")).expect("the test is there");
                assert!(after.contains(&format!("Rule::{rule:?}")), "{test} does not name {rule}");
            }
            Tried::ByChecks => {}
        }
    }
}

#[test]
fn each_rule_of_what_is_told_and_written_is_broken_by_its_input_and_by_nothing_less() {
    try_out_all(Class::Safety);
}

#[test]
fn each_rule_of_what_must_come_to_be_is_broken_by_its_input_and_by_nothing_less() {
    try_out_all(Class::Liveness);
}

#[test]
fn a_process_that_ends_and_code_that_panics_break_their_rules_and_nothing_less_does() {
    try_out_all(Class::Crash);
}

#[test]
fn a_run_that_differs_is_tried_where_runs_are_repeated() {
    try_out_all(Class::Determinism);
}
