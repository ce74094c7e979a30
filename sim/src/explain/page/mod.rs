//! A run as one page that needs no network: its data, and the program that draws it.
//!
//! | file | idea |
//! | --- | --- |
//! | `lanes.rs` | a lane for each node, proxy and client |
//! | `events.rs`, `messages.rs` | events and messages, in columns |
//! | `nodes.rs` | processes, roles, leases and progress, as bands and curves |
//! | `faults.rs` | faults as intervals, and what they made true of each machine |
//! | `operations.rs` | operations as bars |
//! | `evidence.rs` | what broke, and the events that lead to it |
//! | `words.rs` | texts, each stored once |
//! | `page.html`, `page.css`, `script/` | how it is drawn: one file a concern |

mod events;
mod evidence;
mod faults;
mod lanes;
mod messages;
mod nodes;
mod operations;
mod words;

use conclave_checks::Timed;
use serde::Serialize;

use self::{
    events::{Events, KINDS},
    evidence::Broken,
    faults::{FaultInterval, Wrong},
    lanes::{Lane, Lanes},
    messages::Messages,
    nodes::{Life, Node},
    operations::Bar,
    words::Words,
};
use super::{html, report, story as words_of};
use crate::{
    scenario::Scenario,
    trace::{Event, History, MessageKind, take},
    verdict::Verdict,
};

const PAGE: html::Page = html::Page {
    title: "A run of Conclave's simulation",
    body: include_str!("page.html"),
    style: include_str!("page.css"),
    scripts: &[
        include_str!("script/data.js"),
        include_str!("script/view.js"),
        include_str!("script/layout.js"),
        include_str!("script/theme.js"),
        include_str!("script/draw.js"),
        include_str!("script/bands.js"),
        include_str!("script/messages.js"),
        include_str!("script/overview.js"),
        include_str!("script/pick.js"),
        include_str!("script/panel.js"),
        include_str!("script/history.js"),
        include_str!("script/search.js"),
        include_str!("script/input.js"),
        include_str!("script/main.js"),
    ],
};

/// All that the page knows. Times are in nanoseconds of simulated time.
#[derive(Serialize)]
struct Data {
    title: String,
    command: String,
    scenario: String,
    hash: String,
    end: u64,
    lanes: Vec<Lane>,
    kinds: Vec<&'static str>,
    events: Events,
    phases: Vec<(u64, &'static str)>,
    lives: Vec<Life>,
    nodes: Vec<Node>,
    faults: Vec<FaultInterval>,
    wrong: Vec<Wrong>,
    operations: Vec<Bar>,
    message_kinds: Vec<&'static str>,
    messages: Messages,
    probes: Vec<(&'static str, &'static str)>,
    broken: Option<Broken>,
    words: Words,
}

/// The page of a run whose every event was kept. `what` is the seed or the file that it was replayed from.
pub(crate) fn page(what: &str, scenario: &Scenario, verdict: &Verdict) -> Result<String, serde_json::Error> {
    html::fill(&PAGE, &data(what, scenario, verdict))
}

/// What led to the failure of a run whose every event was kept, in order of time (nanoseconds).
pub(crate) fn what_led_to_it(scenario: &Scenario, verdict: &Verdict) -> Vec<(u64, String)> {
    let Verdict { story, notes, .. } = verdict;
    let lanes = Lanes::of(scenario, story, &notes.messages);
    let broken = evidence::broken(scenario, verdict, &history(story).operations, &lanes);
    let events = broken.iter().flat_map(Broken::events);
    events.map(|(at_ns, words)| (at_ns, words.to_owned())).collect()
}

fn history(story: &[Timed<Event>]) -> History {
    let mut history = History::default();
    for timed in story {
        take(&mut history, timed.at_ns, &timed.event).expect("it was added to a history before");
    }
    history
}

fn data(what: &str, scenario: &Scenario, verdict: &Verdict) -> Data {
    let Verdict { trace_hash, figures, story, notes, .. } = verdict;
    let lanes = Lanes::of(scenario, story, &notes.messages);
    let end = story.last().map_or(0, |timed| timed.at_ns).max(figures.simulated_ns);
    let history = history(story);
    let (faults, wrong) = faults::faults(scenario, story, &lanes, end);
    let mut words = Words::default();
    Data {
        title: title(what),
        command: format!("cargo sim replay {what}"),
        scenario: report::describe(scenario),
        hash: format!("{trace_hash:016x}"),
        end,
        lanes: lanes.list(),
        kinds: KINDS.map(|(_, name)| name).to_vec(),
        events: events::events(scenario, story, &lanes, &mut words),
        phases: phases(story),
        lives: nodes::lives(story, &lanes, end),
        nodes: nodes::nodes(story, &notes.leases, &lanes, end),
        faults,
        wrong,
        operations: operations::bars(&history.operations, story, &lanes),
        message_kinds: MessageKind::ALL.map(|(_, name)| name).to_vec(),
        messages: messages::messages(&notes.messages, &lanes, &mut words),
        probes: figures.probes.keys().map(|probe| (probe.name(), probe.statement())).collect(),
        broken: evidence::broken(scenario, verdict, &history.operations, &lanes),
        words,
    }
}

/// A seed, or the name of a file without its folders.
fn title(what: &str) -> String {
    match what.parse::<u64>() {
        Ok(seed) => format!("seed {seed}"),
        Err(_) => what.rsplit('/').next().unwrap_or(what).to_owned(),
    }
}

/// When each phase began, and what it is.
fn phases(story: &[Timed<Event>]) -> Vec<(u64, &'static str)> {
    let began = |Timed { at_ns, event }: &Timed<Event>| match event {
        Event::Phase(phase) => Some((*at_ns, words_of::phase_in_words(*phase))),
        _ => None,
    };
    story.iter().filter_map(began).collect()
}

#[cfg(test)]
mod tests;
