//! Clients of large values: one writes them, others read all of them at once, in whatever way a range can be asked for. Each
//! value names the write that it comes from, so that an answer shows at which revision its every part was read: the judge
//! is `conclave_checks::history`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use conclave::{
    client::{self, GetOptions, Happened, PutOptions, prefix_range_end},
    wire::pb::{etcdserverpb::range_request::SortOrder, mvccpb::KeyValue},
};
use conclave_checks::draw::Draw;
use madsim::{task::JoinHandle, time::sleep};
use serde::{Deserialize, Serialize};
use tonic::Code;

use super::Console;
use crate::trace::{Asked, Event, LargeEvent, Part, Range, Recorder};

/// Readers of a run.
const READERS: u64 = 2;
/// What keys begin with: no other client's do.
const PREFIX: &str = "large-";
/// Bytes of values that are written in a run: each node keeps all of them, in its log and in its state, and the run all nodes.
const WRITTEN_BYTES_MAX: usize = 10 << 20;
/// Whoever reads takes in so much in a second, and asks for no more meanwhile: else a run of large values takes as long as twenty others.
const TAKEN_IN_BYTES_PER_S: f64 = 10e6;

/// What clients of large values do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LargeValues {
    /// Keys that they share.
    pub keys: u64,
    /// Bytes of a value, drawn anew for each write.
    pub bytes: Range,
    /// Pause between two operations of a client.
    pub pause_ms: Range,
}

/// The clients, which sit at the console.
pub(crate) struct LargeClients {
    console: Console,
    recorder: Recorder,
    seed: u64,
    values: Option<LargeValues>,
    patience: Duration,
    finish: Arc<AtomicBool>,
    at_work: Vec<JoinHandle<()>>,
}

impl LargeClients {
    pub(crate) fn new(
        console: Console,
        recorder: Recorder,
        seed: u64,
        values: Option<LargeValues>,
        patience_ms: u64,
    ) -> Self {
        let (patience, finish) = (Duration::from_millis(patience_ms), Arc::default());
        Self { console, recorder, seed, values, patience, finish, at_work: Vec::new() }
    }

    /// They go to work, if there are any.
    pub(crate) fn start(&mut self) {
        let Some(values) = self.values else { return };
        let acknowledged = Arc::<AtomicI64>::default();
        for number in 0..=READERS {
            let client = LargeClient {
                connection: self.console.client(self.patience),
                recorder: self.recorder.clone(),
                seed: self.seed,
                values,
                draw: Draw::new(self.seed, "client of large values", number),
                finish: self.finish.clone(),
                acknowledged: acknowledged.clone(),
            };
            let work = async move { if number == 0 { client.write().await } else { client.read().await } };
            self.at_work.push(self.console.spawn(work));
        }
    }

    /// They finish what they are at.
    pub(crate) async fn finish(&mut self) {
        self.finish.store(true, Ordering::Relaxed);
        for client in self.at_work.drain(..) {
            client.await.expect("the console is never struck");
        }
    }
}

struct LargeClient {
    connection: client::Client,
    recorder: Recorder,
    seed: u64,
    values: LargeValues,
    draw: Draw,
    finish: Arc<AtomicBool>,
    /// The revision of the latest write that was acknowledged.
    acknowledged: Arc<AtomicI64>,
}

impl LargeClient {
    async fn write(mut self) {
        let mut bytes = 0;
        for write in 0.. {
            if self.is_over() || bytes > WRITTEN_BYTES_MAX {
                return;
            }
            let key = self.draw.below(self.values.keys);
            self.record(LargeEvent::Writes { write, key });
            let value = self.value(write);
            bytes += value.len();
            let written = self.connection.put(name(key), value, PutOptions::default()).await;
            self.record(match written {
                Ok(response) => {
                    let revision = response.header.unwrap_or_default().revision;
                    self.acknowledged.fetch_max(revision, Ordering::Relaxed);
                    LargeEvent::Wrote { write, revision }
                }
                Err(error) if error.happened == Happened::No => LargeEvent::DidNotWrite { write },
                Err(_) => LargeEvent::MayHaveWritten { write },
            });
            self.pause().await;
        }
    }

    async fn read(mut self) {
        while !self.is_over() {
            let asked = self.draw_question();
            let options = GetOptions {
                range_end: prefix_range_end(PREFIX.as_bytes()),
                limit: asked.limit as i64,
                revision: asked.revision,
                count_only: asked.count_only,
                sort_order: if asked.descending { SortOrder::Descend } else { SortOrder::None }.into(),
                ..GetOptions::default()
            };
            let mut bytes: usize = 0;
            let answer = match self.connection.get(PREFIX, options).await {
                Ok(response) => {
                    bytes = response.kvs.iter().map(|pair| pair.value.len()).sum();
                    let (count, more) = (response.count, response.more);
                    let revision = response.header.unwrap_or_default().revision;
                    let parts = response.kvs.iter().map(|pair| self.part(pair)).collect();
                    LargeEvent::Read { asked, revision, count, more, parts }
                }
                Err(error) if error.code == Code::ResourceExhausted => LargeEvent::Refused,
                Err(error) => LargeEvent::DidNotRead { error: error.to_string() },
            };
            self.record(answer);
            sleep(Duration::from_secs_f64(bytes as f64 / TAKEN_IN_BYTES_PER_S)).await;
            self.pause().await;
        }
    }

    fn draw_question(&mut self) -> Asked {
        let floor = self.acknowledged.load(Ordering::Relaxed);
        let old = self.draw.between(1, floor.max(1) as u64) as i64;
        let mut asked = Asked { floor, ..Asked::default() };
        match self.draw.below(10) {
            0 => asked.count_only = true,
            1 | 2 => asked.limit = self.draw.between(1, self.values.keys),
            3 => asked.descending = true,
            4 | 5 if floor > 0 => asked.revision = old,
            _ => {}
        }
        asked
    }

    /// The value that a write stores: its number, and then what only that number has.
    fn value(&self, write: u64) -> String {
        let Range { low, high } = self.values.bytes;
        let bytes = Draw::new(self.seed, "large value", write).between(low, high) as usize;
        let filler = format!("{:016x}", Draw::new(self.seed, "large value", write).number());
        let whole = filler.repeat(bytes.div_ceil(filler.len()));
        format!("{write}:{}", &whole[..bytes])
    }

    /// What a pair of an answer tells.
    fn part(&self, KeyValue { key, value, mod_revision, .. }: &KeyValue) -> Part {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let key = text(key.as_ref()).strip_prefix(PREFIX).and_then(|number| number.parse().ok());
        let write = text(value.as_ref()).split(':').next().and_then(|number| number.parse().ok());
        let is_whole = write.is_some_and(|write| self.value(write).as_bytes() == value.as_ref());
        Part { key, write: write.filter(|_| is_whole), mod_revision: *mod_revision }
    }

    fn record(&self, event: LargeEvent) {
        self.recorder.record(Event::Large(event));
    }

    fn is_over(&self) -> bool {
        self.finish.load(Ordering::Relaxed)
    }

    async fn pause(&mut self) {
        let Range { low, high } = self.values.pause_ms;
        sleep(Duration::from_millis(self.draw.between(low, high))).await;
    }
}

fn name(key: u64) -> String {
    format!("{PREFIX}{key:06}")
}
