use serde_json::Value;

use super::*;
use crate::verdict::{Failed, Failure, Subject};

fn page(outcome: &Outcome) -> (String, Value) {
    let version = "0000002a".parse().expect("eight digits");
    let pages = BTreeMap::from([(Rule::NoPanic, PathBuf::from("../failures/no-panic-7.html"))]);
    let page = overview(outcome, "1 to 9", version, &pages).expect("plain data");
    let (_, rest) = page.split_once(r#"id="data">"#).expect("a page has data");
    let (data, _) = rest.split_once("</script>").expect("they end");
    let data = serde_json::from_str(data).expect("JSON");
    (page, data)
}

#[test]
fn it_needs_nothing_from_outside_and_has_no_gaps() {
    let (page, data) = page(&Outcome { runs: 9, ..Outcome::default() });
    assert!(
        !page.contains("http://")
            || page.matches("http://").count() == page.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(!page.contains("https://") && !page.contains("/* STYLE */") && !page.contains("/* SCRIPT */"));
    assert_eq!(data["is_green"], true);
    assert_eq!(data["probes"].as_array().map(Vec::len), Some(Probe::all().count()));
    assert!(data["confidence"].as_str().is_some_and(|told| told.starts_with("95 %")));
}

#[test]
fn failures_are_there_with_what_leads_on_and_what_they_say_ends_no_script() {
    let failure = Failure::new(Rule::NoPanic, [], "</script><b>".to_owned());
    let failed = Failed { subject: Subject::Seed(7), failure, faults: 3, events: 9 };
    let (_, data) = page(&Outcome { runs: 9, failures: vec![failed], ..Outcome::default() });
    let group = &data["failures"][0];
    assert_eq!((&group["class"], &group["page"]), (&"crash".into(), &"../failures/no-panic-7.html".into()));
    assert_eq!(group["runs"][0]["command"], "cargo sim replay 7 --version 0000002a");
    assert_eq!(group["runs"][0]["detail"], "</script><b>");
    assert_eq!((&data["is_green"], &data["confidence"]), (&false.into(), &Value::Null));
}
