//! Floods: many clients that put large values, and read all of them at once, through one proxy and without a pause. What is
//! too much is to be refused, and nobody else is to be harmed.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use conclave::client::{Client, GetOptions, PutOptions, prefix_range_end};
use conclave_checks::draw::Draw;
use madsim::time::sleep;
use tonic::Code;

use super::Console;
use crate::trace::{Event, Flooded, LargeEvent, Recorder};

/// What keys begin with: no other client's do.
const PREFIX: &str = "flood-";
/// Keys that they share.
const KEYS: u64 = 8;
/// Bytes of a value: large beside a small call, and yet so few that a flood of seconds can be simulated.
const VALUE_BYTES: (u64, u64) = (5_000, 60_000);
/// All floods of a run write no more than this, and read from then on: each node keeps all of it, and the run all nodes.
const WRITTEN_BYTES_MAX: u64 = 10 << 20;
/// How long one of them waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// After a call that failed: as a client does that tries again.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(50);

/// The floods that last, which come from the console.
pub(crate) struct Floods {
    console: Console,
    recorder: Recorder,
    seed: u64,
    /// What ends each, by its proxy and the number of its clients.
    at_work: BTreeMap<(u64, u64), Arc<AtomicBool>>,
    /// Clients that were started so far.
    clients: u64,
    /// Bytes of the values that they asked to write.
    written: Arc<AtomicU64>,
}

impl Floods {
    pub(crate) fn new(console: Console, recorder: Recorder, seed: u64) -> Self {
        let (at_work, written) = Default::default();
        Self { console, recorder, seed, at_work, clients: 0, written }
    }

    /// A flood of so many clients begins or ends; those that are waiting for an answer go on to wait.
    pub(crate) fn set(&mut self, proxy: u64, clients: u64, lasts: bool) {
        if !lasts {
            let finish = self.at_work.remove(&(proxy, clients));
            finish.into_iter().for_each(|finish| finish.store(true, Ordering::Relaxed));
        } else if !self.at_work.contains_key(&(proxy, clients)) {
            self.begin(proxy, clients);
        }
    }

    fn begin(&mut self, proxy: u64, clients: u64) {
        let finish = Arc::<AtomicBool>::default();
        for _ in 0..clients {
            let client = FloodClient {
                connection: self.console.client_of_proxy(proxy, PATIENCE),
                draw: Draw::new(self.seed, "client of a flood", self.clients),
                finish: finish.clone(),
                written: self.written.clone(),
                told: Flooded::default(),
            };
            self.clients += 1;
            let recorder = self.recorder.clone();
            drop(self.console.spawn(async move { record(&recorder, client.run().await) }));
        }
        self.at_work.insert((proxy, clients), finish);
    }
}

fn record(recorder: &Recorder, told: Flooded) {
    recorder.record(Event::Large(LargeEvent::Flooded(told)));
}

struct FloodClient {
    connection: Client,
    draw: Draw,
    finish: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    told: Flooded,
}

impl FloodClient {
    /// Works until it is to finish. Returns what it was told.
    async fn run(mut self) -> Flooded {
        while !self.finish.load(Ordering::Relaxed) {
            let may_write = self.written.load(Ordering::Relaxed) < WRITTEN_BYTES_MAX;
            let answer = match self.draw.chance(75) && may_write {
                true => self.put().await,
                false => self.read_all().await,
            };
            match answer {
                Ok(()) => self.told.answered += 1,
                Err(Code::ResourceExhausted) => self.told.refused += 1,
                Err(_) => self.told.failed += 1,
            }
            if answer.is_err() {
                sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
        self.told
    }

    async fn put(&mut self) -> Result<(), Code> {
        let key = format!("{PREFIX}{}", self.draw.below(KEYS));
        let bytes = self.draw.between(VALUE_BYTES.0, VALUE_BYTES.1);
        self.written.fetch_add(bytes, Ordering::Relaxed);
        let value = vec![b'f'; bytes as usize];
        let answer = self.connection.put(key, value, PutOptions::default()).await;
        answer.map(drop).map_err(|error| error.code)
    }

    async fn read_all(&self) -> Result<(), Code> {
        let options = GetOptions { range_end: prefix_range_end(PREFIX.as_bytes()), ..GetOptions::default() };
        self.connection.get(PREFIX, options).await.map(drop).map_err(|error| error.code)
    }
}
