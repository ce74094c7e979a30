//! What is asked of the cluster while faults strike, through the production client library.
//!
//! | file | idea |
//! | --- | --- |
//! | `client.rs` | clients: one operation after another on a few keys |
//! | `spans.rs` | what they ask of several keys, of the past, and of any node |
//! | `large.rs` | clients of large values: ranges of many bytes, whole and in pieces |
//! | `flood.rs` | many clients at once, for a while |
//! | `operator.rs` | operators: other members, another leader |
//! | `errands.rs` | what else operators do: backups, compactions, alarms |
//! | `mistaken.rs` | what they ask for by mistake, as a request |
//! | `console.rs` | where operators sit |
//!
//! All of them record what they ask and what they are told as events; the judges read it there.

mod client;
mod console;
mod errands;
mod flood;
mod large;
mod mistaken;
mod operator;
mod spans;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    client::{Client, ask},
    console::Console,
    flood::Floods,
    large::LargeClients,
    operator::{NewNode, Operators, Unexpected},
};

pub use self::{large::LargeValues, spans::Spans};
use crate::trace::Range;

/// What clients do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Keys that they share.
    pub keys: u64,
    /// Percentage of reads.
    pub reads_percent: u64,
    /// Percentage of deletes; the rest are puts.
    pub deletes_percent: u64,
    /// Instead of such an operation, in so many of a hundred cases, the past is read.
    #[serde(default)]
    pub past_percent: u64,
    /// Or it is compacted.
    #[serde(default)]
    pub compactions_percent: u64,
    /// Of a hundred operations so many are about the first key: the hot one.
    #[serde(default)]
    pub hot_percent: u64,
    /// What else they ask.
    #[serde(default)]
    pub spans: Spans,
    /// Pause between two operations of a client.
    pub pause_ms: Range,
    /// So many clients, the first ones, do not wait for an answer before they ask again: an open loop.
    #[serde(default)]
    pub open_loops: u64,
    /// Each call is that of a program of its own, which connects anew, as scripts ask: what was learnt of the proxies is forgotten.
    #[serde(default)]
    pub asks_anew: bool,
    /// From this moment of the run on clients only read. (Those of large values and of floods write on, as operators do.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes_end_ms: Option<u64>,
    /// Each client knows one proxy, and no other.
    #[serde(default)]
    pub is_pinned: bool,
    /// How long a client waits for an answer.
    pub patience_ms: u64,
    /// What clients of large values do, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large: Option<LargeValues>,
}

impl Workload {
    /// Whether clients only read at this time of the run.
    pub(crate) fn only_reads(&self, now_ns: u64) -> bool {
        let is_over = self.writes_end_ms.is_some_and(|end_ms| now_ns >= end_ms * 1_000_000);
        is_over || self.reads_percent == 100
    }

    /// Bytes of the largest value, or so.
    pub(crate) fn largest_value(&self) -> u64 {
        self.large.map_or(0, |large| large.bytes.high)
    }

    pub(crate) fn draw_key(&self, draw: &mut Draw) -> String {
        let is_hot = self.hot_percent > 0 && draw.chance(self.hot_percent);
        Self::key(if is_hot { 0 } else { draw.below(self.keys) })
    }

    /// The proxies that a client knows, of so many, in the order in which it tries them.
    pub(crate) fn proxies_of(&self, client: u64, proxies: u64) -> impl Iterator<Item = u64> + use<> {
        let known = if self.is_pinned { 1 } else { proxies };
        (0..known).map(move |offset| (client + offset) % proxies)
    }

    /// The range of all keys: from one to before another.
    pub(crate) fn all_keys() -> (String, String) {
        ("key-".to_owned(), "key-~".to_owned())
    }

    /// The name of a key, from 0.
    pub fn key(number: u64) -> String {
        format!("key-{number}")
    }
}
