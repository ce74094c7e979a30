//! A client: one operation after another through the client library.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use conclave::{
    client::{Client, ClientError, GetOptions, Happened, Options, PutOptions, prefix_range_end},
    rpc::Security,
    wire::pb::{
        etcdserverpb::{RangeResponse, ResponseHeader},
        mvccpb::KeyValue,
    },
};
use conclave_checks::{
    draw::Draw,
    history::{Answer, Call, Found},
};

use super::{keys::Keys, recorder::Recorder, value};
use crate::cluster::true_clock;

/// Of 100 operations.
const READS_PERCENT: u64 = 45;
const DELETES_PERCENT: u64 = 8;
/// After a failed operation.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(20);
/// How long a client waits for an answer: some give up while a leader is elected.
const PATIENCE_MS: [u64; 3] = [400, 2_000, 4_000];
/// So many of 1000 operations are left alone by their client after a moment, as if it had died.
const ABANDONED_PER_MILLE: u64 = 3;
const ABANDONED_AFTER_MS: u64 = 20;
/// Pairs of one answer of the last reading.
const PAGE: i64 = 500;

/// One client.
pub(super) struct Worker {
    /// Its number, from 1.
    pub(super) number: u64,
    pub(super) seed: u64,
    /// The proxies, in the order in which it tries them.
    pub(super) endpoints: Vec<String>,
    pub(super) security: Security,
    pub(super) keys: Keys,
    pub(super) recorder: Recorder,
    /// From the beginning of one operation to that of the next, if that is over by then.
    pub(super) period: Duration,
    pub(super) ends: Arc<AtomicBool>,
}

impl Worker {
    /// Works until told to end.
    pub(super) async fn run(self) {
        let mut draw = Draw::new(self.seed, "client", self.number);
        let timeout = Duration::from_millis(PATIENCE_MS[(self.number % 3) as usize]);
        let options = Options { timeout, security: self.security.clone() };
        let client = Client::new(&self.endpoints, options, true_clock()).expect("addresses are well formed");
        let mut next = Instant::now();
        for count in 0_u64.. {
            if self.ends.load(Ordering::Relaxed) {
                return;
            }
            let call = self.next_call(&mut draw, count);
            let is_abandoned = draw.below(1000) < ABANDONED_PER_MILLE;
            let operation = self.recorder.called(self.number, call.clone());
            let answering = ask(&client, call, &mut draw);
            let answer = match is_abandoned {
                true => tokio::time::timeout(Duration::from_millis(ABANDONED_AFTER_MS), answering).await.ok(),
                false => Some(answering.await),
            };
            let failed = answer.as_ref().is_none_or(Answer::is_error);
            if let Some(answer) = answer {
                self.recorder.answered(operation, answer);
            }
            // Who was held up does not catch up.
            next = (next + self.period).max(Instant::now());
            let pause = if failed { PAUSE_AFTER_FAILURE } else { next - Instant::now() };
            tokio::time::sleep(pause).await;
        }
    }

    fn next_call(&self, draw: &mut Draw, count: u64) -> Call {
        let key = self.keys.next(draw);
        match draw.below(100) {
            lot if lot < READS_PERCENT => Call::Get { key },
            lot if lot < READS_PERCENT + DELETES_PERCENT => Call::Delete { key },
            _ => Call::Put { key, value: format!("c{}-{count}", self.number) },
        }
    }
}

async fn ask(client: &Client, call: Call, draw: &mut Draw) -> Answer {
    let answer = match call {
        Call::Put { key, value } => client
            .put(key, value::of(&value, draw), PutOptions::default())
            .await
            .map(|response| Answer::Put { revision: revision(response.header.as_ref()) }),
        Call::Delete { key } => client.delete(key, Default::default()).await.map(|response| {
            Answer::Deleted { revision: revision(response.header.as_ref()), count: response.deleted }
        }),
        Call::Get { key } => client.get(key, GetOptions::default()).await.map(got),
        _ => unreachable!("no client of this program asks so"),
    };
    answer.unwrap_or_else(failed)
}

fn failed(error: ClientError) -> Answer {
    match error.happened {
        Happened::No => Answer::DidNotHappen(error.to_string()),
        Happened::Unknown => Answer::Unknown(error.to_string()),
    }
}

fn got(response: RangeResponse) -> Answer {
    let revision = revision(response.header.as_ref());
    Answer::Got { revision, found: response.kvs.into_iter().next().map(|pair| found(&pair)) }
}

fn found(pair: &KeyValue) -> Found {
    Found {
        value: value::name(&pair.value),
        mod_revision: pair.mod_revision,
        version: pair.version,
        create_revision: pair.create_revision,
    }
}

fn revision(header: Option<&ResponseHeader>) -> i64 {
    header.map_or(0, |header| header.revision)
}

/// Reads all keys that were ever named, in the end: each is recorded as a read by a client of its own, which began and ended
/// with the answer that it came in.
///
/// # Errors
/// It cannot be read.
pub(crate) async fn read_everything(
    endpoints: &[String],
    security: Security,
    recorder: &Recorder,
    named: &[String],
) -> Result<()> {
    let options = Options { timeout: Duration::from_secs(20), security };
    let client = Client::new(endpoints, options, true_clock())?;
    let end = prefix_range_end(b"lasting/");
    let mut from: Vec<u8> = b"key/".to_vec();
    let mut unread = named;
    loop {
        let page = GetOptions { range_end: end.clone(), limit: PAGE, ..GetOptions::default() };
        let called_ns = recorder.now_ns();
        let answer = client.get(from.clone(), page).await?;
        let revision = revision(answer.header.as_ref());
        let last = answer.kvs.last().map(|pair| pair.key.to_vec());
        // The answer tells of all keys up to its last one, of the absent as well; without more to come, of all.
        let told = match &last {
            Some(last) if answer.more => unread.partition_point(|key| key.as_bytes() <= last.as_slice()),
            _ => unread.len(),
        };
        for key in &unread[..told] {
            let place = answer.kvs.binary_search_by(|pair| pair.key.as_ref().cmp(key.as_bytes()));
            let found = place.ok().map(|place| found(&answer.kvs[place]));
            recorder.read_in_a_range(called_ns, key, Answer::Got { revision, found });
        }
        unread = &unread[told..];
        match last {
            Some(last) if answer.more => from = [last, vec![0]].concat(),
            _ => return Ok(()),
        }
    }
}
