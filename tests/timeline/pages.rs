//! Pages made of the page of a run that really was: one of a run that broke, and one that is very long.

use std::path::Path;

use serde_json::{Value, json};

const BEGIN: &str = r#"<script type="application/json" id="data">"#;
const END: &str = "</script>";

/// A page, taken to pieces.
pub(crate) struct Page {
    before: String,
    pub(crate) data: Value,
    after: String,
}

impl Page {
    pub(crate) fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).expect("it was written");
        let (before, rest) = text.split_once(BEGIN).expect("a page has data");
        let (data, after) = rest.split_once(END).expect("they end");
        let data = serde_json::from_str(data).expect("JSON");
        Self { before: before.to_owned(), data, after: after.to_owned() }
    }

    pub(crate) fn write(&self, file: &Path) {
        let data = self.data.to_string().replace('<', "\\u003c");
        let text = [&self.before, BEGIN, &data, END, &self.after].concat();
        std::fs::write(file, text).expect("a file of our own");
    }

    /// Says of a run that was green that it broke: at its last answer to a read.
    pub(crate) fn break_it(&mut self) {
        let bars = list(&self.data["operations"]).to_vec();
        let is_read = |bar: &Value| bar["outcome"] == "read" && bar["content"].as_i64() > Some(0);
        let stuck = bars.iter().rposition(is_read).expect("somebody read something");
        let key = &bars[stuck]["key"];
        let written = bars.iter().position(|bar| bar["outcome"] == "wrote" && bar["key"] == *key);
        let written = written.expect("somebody wrote it");
        // The write is newer than what was read later.
        self.data["operations"][written]["content"] = json!(1_000_000);
        let part: Vec<usize> = (0..bars.len()).filter(|&place| bars[place]["key"] == *key).collect();
        let at = bars[stuck]["to"].as_u64().expect("it was answered");
        let mut now = 0;
        let passed = list(&self.data["events"]["passed"]).iter().map(|passed| passed.as_u64().unwrap_or(0));
        let event = passed.take_while(|passed| {
            now += passed;
            now < at
        });
        let event = event.count();
        let step = |at: u64, event: usize, lane: &Value, words: &str, is_break: bool| json!({ "at": at, "event": event, "lane": lane, "words": words, "is_break": is_break });
        let lane = &bars[stuck]["lane"];
        self.data["broken"] = json!({
            "rule": "linearizable", "statement": "the history of each key has a linear order",
            "source": "Herlihy and Wing 1990", "detail": "this page is made up, to be tested", "term": 3, "lanes": [lane],
            "at": at,
            "steps": [
                step(0, 0, &Value::Null, "it begins", false),
                step(at, event, lane, "the client is told what cannot be", true),
            ],
            "history": { "part": part, "order": [written], "stuck": [stuck] },
        });
    }

    /// The run several times, one after the other, until it has so many events.
    pub(crate) fn lengthen(&mut self, events_min: usize) {
        let once = self.data.clone();
        let length = once["end"].as_u64().expect("a time");
        let count = list(&once["events"]["passed"]).len();
        let times = events_min.div_ceil(count) as u64;
        for turn in 1..times {
            let shift = turn * length;
            self.append(&once, length, shift);
        }
        self.data["end"] = json!(times * length);
        assert!(list(&self.data["events"]["passed"]).len() >= events_min);
    }

    fn append(&mut self, once: &Value, length: u64, shift: u64) {
        let spent: u64 = list(&once["events"]["passed"]).iter().filter_map(Value::as_u64).sum();
        let first = list(&self.data["events"]["passed"]).len();
        for column in ["passed", "lane", "kind", "words"] {
            extend(&mut self.data["events"][column], once["events"][column].clone());
        }
        self.data["events"]["passed"][first] = json!(length - spent);
        for column in ["from", "to", "took", "kind", "term", "words"] {
            extend(&mut self.data["messages"][column], once["messages"][column].clone());
        }
        extend(&mut self.data["messages"]["sent"], shifted(&once["messages"]["sent"], shift));
        for bars in ["operations", "faults", "wrong"] {
            extend(&mut self.data[bars], shifted(&once[bars], shift));
        }
        let lives = list(&once["lives"])
            .iter()
            .map(|life| json!([life[0], plus(&life[1], shift), plus(&life[2], shift), life[3]]));
        extend(&mut self.data["lives"], lives.collect());
        for (place, node) in list(&once["nodes"]).iter().enumerate() {
            let longer = &mut self.data["nodes"][place];
            extend(&mut longer["roles"], shifted(&node["roles"], shift));
            extend(&mut longer["log"]["at"], shifted(&node["log"]["at"], shift));
            for column in ["last", "commit", "applied"] {
                extend(&mut longer["log"][column], node["log"][column].clone());
            }
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn extend(longer: &mut Value, by: Value) {
    let Value::Array(by) = by else { panic!("a list") };
    longer.as_array_mut().expect("a list").extend(by);
}

fn plus(time: &Value, shift: u64) -> Value {
    time.as_u64().map_or(Value::Null, |time| json!(time + shift))
}

/// Times, or what lasts from one to another, so much later.
fn shifted(values: &Value, shift: u64) -> Value {
    let shifted = list(values).iter().map(|value| match value {
        Value::Object(bar) => {
            let mut bar = bar.clone();
            for end in ["from", "to"] {
                bar.insert(end.to_owned(), plus(&bar[end], shift));
            }
            Value::Object(bar)
        }
        time => plus(time, shift),
    });
    shifted.collect()
}
