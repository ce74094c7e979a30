//! What a page holds, of runs that really were.

use serde_json::Value;

use super::*;
use crate::{
    run::run,
    scenario::generate,
    trace::{Answer, ClientEvent},
    verdict::{Failure, HistoryRule, Rule},
};

const SEED: u64 = 7;

/// The data of a page, as a browser reads it.
fn data_of(page: &str) -> Value {
    let (_, rest) = page.split_once(r#"<script type="application/json" id="data">"#).expect("it has data");
    let (json, _) = rest.split_once("</script>").expect("they end");
    serde_json::from_str(json).expect("JSON")
}

fn length(value: &Value) -> usize {
    value.as_array().expect("a list").len()
}

#[test]
fn a_page_holds_the_whole_run_and_asks_nobody() {
    let scenario = generate(SEED);
    let verdict = run(&scenario, true);
    let page = page("7", &scenario, &verdict).expect("a page");
    let data = data_of(&page);
    assert_eq!(length(&data["events"]["words"]) as u64, verdict.figures.events);
    assert!(length(&data["messages"]["sent"]) > 100, "nodes talk to each other");
    let took = data["messages"]["took"].as_array().expect("a list");
    let arrived = took.iter().filter(|took| took.as_i64() >= Some(0)).count();
    assert!(arrived * 2 > took.len(), "most messages arrive: {arrived} of {}", took.len());
    assert_eq!(length(&data["faults"]), scenario.faults.len());
    assert!(data["broken"].is_null());
    for outside in ["http://", "https://", "<link", " src=", "@import", "fetch("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

/// Notes are taken for pages alone; with or without them it is the same run.
#[test]
fn notes_leave_the_trace_as_it_is() {
    let scenario = generate(SEED);
    assert_eq!(run(&scenario, true).trace_hash, run(&scenario, false).trace_hash);
}

#[test]
fn what_broke_comes_with_the_events_that_lead_to_it() {
    let scenario = generate(SEED);
    let mut verdict = run(&scenario, true);
    let detail = "node 1 leads term 1 without the committed entry 1@1".to_owned();
    let rule = conclave_checks::Rule::LeaderCompleteness;
    verdict.failure = Some(conclave_checks::Failure { rule, nodes: vec![1], term: 1, detail }.into());
    let data = data_of(&page("7", &scenario, &verdict).expect("a page"));
    let steps = data["broken"]["steps"].as_array().expect("a list");
    let words: Vec<&str> = steps.iter().filter_map(|step| step["words"].as_str()).collect();
    for expected in ["becomes leader of term 1", "stores entry 1", "entry 1 is committed", "stores its vote"]
    {
        assert!(words.iter().any(|words| words.contains(expected)), "{expected}: {words:#?}");
    }
    assert_eq!(steps.iter().filter(|step| step["is_break"] == true).count(), 1);
    assert!(steps.is_sorted_by_key(|step| step["at"].as_u64()));
    assert_eq!(data["broken"]["source"], "§5.4");
}

#[test]
fn a_read_that_cannot_be_is_marked() {
    let scenario = generate(SEED);
    let mut verdict = run(&scenario, true);
    let forged = verdict.story.iter_mut().rev().find_map(|timed| match &mut timed.event {
        Event::Client {
            operation,
            event: ClientEvent::Answered(Answer::Got { found: Some(found), .. }),
            ..
        } => {
            found.value = "never".to_owned();
            Some(*operation)
        }
        _ => None,
    });
    let forged = forged.expect("somebody read something");
    verdict.failure = Some(Failure::new(Rule::History(HistoryRule::Linearizable), [], "made up".to_owned()));
    let data = data_of(&page("7", &scenario, &verdict).expect("a page"));
    let stuck = data["broken"]["history"]["stuck"].as_array().expect("a list");
    assert!(stuck.contains(&forged.into()), "{forged} is not among {stuck:?}");
}
