//! The page of a run in a real browser: it loads, zooms, finds, selects and explains, and stays fast however long the run.
#![cfg(all(unix, not(madsim)))]

#[path = "timeline/browser.rs"]
mod browser;
#[path = "timeline/pages.rs"]
mod pages;
mod simulator;

use std::path::{Path, PathBuf};

use browser::{Browser, is_installed};
use pages::Page;
use serde_json::Value;
use simulator::{cargo, told};

/// A run with elections, a change of members, and faults of several kinds.
const SEED: &str = "42";
const EVENTS_OF_LONG_RUN: usize = 100_000;
/// Until the first frame is drawn, of a long run.
const OPENS_WITHIN_MS: f64 = 2_000.0;
/// A frame of sixty a second.
const FRAME_MS: f64 = 1_000.0 / 60.0;

/// Pictures stay here, to be looked at.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/timeline");
    std::fs::create_dir_all(&folder).expect("a folder of our own");
    folder
}

#[test]
fn a_page_explains_a_run_in_a_browser() {
    if !is_installed() {
        let all = std::env::var_os("CONCLAVE_TEST_ALL");
        assert!(all.is_none(), "no browser is installed: install chromium and chromium-driver");
        println!(
            "SKIPPED: no browser is installed, so no page was tested; install chromium and chromium-driver"
        );
        return;
    }
    let file = folder().join("run.html");
    let output = cargo("sim", &["replay", SEED, "--html", &file.display().to_string()]);
    assert!(output.status.success(), "{}", told(&output));
    let browser = Browser::start();
    green(&browser, &file);
    let mut page = Page::read(&file);
    page.break_it();
    let broken = folder().join("broken.html");
    page.write(&broken);
    what_broke_is_explained(&browser, &broken);
    let mut page = Page::read(&file);
    page.lengthen(EVENTS_OF_LONG_RUN);
    let long = folder().join("long.html");
    page.write(&long);
    a_long_run_is_fast(&browser, &long);
}

#[test]
fn the_page_of_a_campaign_opens_in_a_browser() {
    if !is_installed() {
        println!("SKIPPED: no browser is installed; the test of the page of a run says what to do");
        return;
    }
    let results = folder().join("campaign.jsonl").display().to_string();
    let output = cargo("sim", &["run", "--seed", "1", "--seeds", "3", "--no-shrink", "--out", &results]);
    assert!(output.status.success(), "{}", told(&output));
    let browser = Browser::start();
    browser.open(&folder().join("campaign.html"));
    assert_eq!(text(&browser, "#verdict"), "✓ green");
    assert!(text(&browser, "#title").ends_with("seeds 1 to 3"), "{}", text(&browser, "#title"));
    assert_eq!(text(&browser, ".figure b"), "3");
    browser.write("#find", "leader-dies");
    assert!(text(&browser, "#found").starts_with("1 of "), "{}", text(&browser, "#found"));
    keep(&browser, "campaign-light");
    browser.click("#theme");
    assert_eq!(text_of(&browser.value("document.documentElement.dataset.theme")), "dark");
    keep(&browser, "campaign-dark");
    assert_silent(&browser);
}

fn green(browser: &Browser, file: &Path) {
    browser.open(file);
    assert_eq!(text(browser, "#verdict"), "✓ green");
    assert!(text(browser, "#title").contains(SEED));
    keep(browser, "green-light");
    // The wheel zooms where the pointer is.
    let whole = span(browser);
    (0..5).for_each(|_| browser.wheel((700, 500), -240));
    settle(browser);
    assert!(span(browser) < whole / 10.0, "it zooms in: from {whole} to {}", span(browser));
    keep(browser, "zoomed-light");
    // A click selects what is there, and says what it is. Where something happens at node 1 depends on the run.
    let says_what_it_is = |x| {
        browser.click_at((x, 290));
        settle(browser);
        text(browser, "#details").contains("node 1")
    };
    assert!((120..1100).step_by(6).any(says_what_it_is), "{}", text(browser, "#details"));
    // What is searched is found, and gone to.
    browser.write("#search", "leader term 1");
    assert!(number(browser, "timeline.results()") > 0.0, "{}", text(browser, "#results"));
    browser.write("#search", "\u{e007}");
    settle(browser);
    assert!(text(browser, "#found").starts_with("1 of "), "{}", text(browser, "#found"));
    // The keyboard does all of it too.
    browser.press("\u{e00c}");
    browser.press("0");
    settle(browser);
    assert!((span(browser) / whole - 1.0).abs() < 0.05, "the whole run is seen again");
    browser.press("t");
    assert_eq!(text_of(&browser.value("document.documentElement.dataset.theme")), "dark");
    keep(browser, "green-dark");
    browser.press("?");
    assert!(text(browser, "#legend").contains("candidate"));
    keep(browser, "legend-dark");
    assert_silent(browser);
}

fn what_broke_is_explained(browser: &Browser, file: &Path) {
    browser.open(file);
    settle(browser);
    assert_eq!(text(browser, "#verdict"), "✖ linearizable");
    let told = text(browser, "#story");
    for words in ["has a linear order", "Herlihy and Wing", "older than what somebody already knew"] {
        assert!(told.contains(words), "no {words:?}: {told}");
    }
    keep(browser, "broken-light");
    browser.click("[data-step=\"1\"]");
    settle(browser);
    assert!(text(browser, "#details").contains("client"), "the event is explained");
    browser.press("0");
    settle(browser);
    browser.click("#verdict");
    settle(browser);
    let (at, from, to) =
        (number(browser, "timeline.broke()"), number(browser, "timeline.view.from"), to(browser));
    assert!(from < at && at < to, "what broke is in sight: {at} from {from} to {to}");
    browser.click(".picture");
    let picture = text(browser, "#picture");
    assert!(picture.contains("cannot be"), "the impossible read is marked: {picture}");
    keep(browser, "history-light");
    browser.press("\u{e00c}");
    browser.press("t");
    keep(browser, "broken-dark");
    assert_silent(browser);
}

fn a_long_run_is_fast(browser: &Browser, file: &Path) {
    // The machine may be busy with something else: of three times the best is what the page takes.
    let opened = (0..3).map(|_| {
        browser.open(file);
        settle(browser);
        number(browser, "timeline.openedMs")
    });
    let opened: Vec<f64> = opened.collect();
    for _ in 0..20 {
        browser.wheel((700, 500), -120);
    }
    (0..20).for_each(|_| browser.wheel((700, 500), 120));
    settle(browser);
    let frames = browser.value("timeline.frames");
    let mut frames: Vec<f64> = frames.as_array().expect("a list").iter().filter_map(Value::as_f64).collect();
    frames.sort_by(f64::total_cmp);
    let at = |percent: usize| frames[(frames.len() * percent / 100).min(frames.len() - 1)];
    println!(
        "{EVENTS_OF_LONG_RUN} events: first frame after {opened:.0?} ms; {} frames take {:.1} ms (half), {:.1} ms (95 %), {:.1} ms (all)",
        frames.len(),
        at(50),
        at(95),
        at(100)
    );
    keep(browser, "long-light");
    assert_silent(browser);
    let best = opened.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(best < OPENS_WITHIN_MS, "it opens after {best} ms");
    assert!(frames.len() > 20 && at(50) < FRAME_MS, "half of the frames take {} ms and more", at(50));
}

/// Waits until what moves has come to rest, and is drawn.
fn settle(browser: &Browser) {
    browser.value("new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 400)).then(() => 1)");
}

fn span(browser: &Browser) -> f64 {
    number(browser, "timeline.view.to - timeline.view.from")
}

fn to(browser: &Browser) -> f64 {
    number(browser, "timeline.view.to")
}

fn number(browser: &Browser, expression: &str) -> f64 {
    let value = browser.value(expression);
    value.as_f64().unwrap_or_else(|| panic!("{expression} is {value}"))
}

fn text(browser: &Browser, selector: &str) -> String {
    text_of(&browser.value(&format!("document.querySelector({selector:?}).textContent")))
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn keep(browser: &Browser, name: &str) {
    settle(browser);
    std::fs::write(folder().join(format!("{name}.png")), browser.picture()).expect("a file of our own");
}

fn assert_silent(browser: &Browser) {
    let lines = browser.console();
    assert!(lines.is_empty(), "the page complains: {lines:#?}");
}
