//! A simulated client: one operation after another through the production client library.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use conclave::{
    client::{self, GetOptions, Happened, PutOptions},
    env::Clock,
    wire::pb::etcdserverpb::{RangeResponse, ResponseHeader},
};
use conclave_checks::draw::Draw;
use madsim::time::sleep;

use super::Workload;
use crate::trace::{Answer, Call, Found, Recorder};

/// Pause after a failed operation, so that a client of an unreachable cluster does not spin.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(50);

/// How far back a client looks, in revisions.
const PAST_REVISIONS: u64 = 40;

/// One client process.
pub(crate) struct Client {
    /// Its number; a client that takes a dead one's place has a number of its own.
    pub(crate) number: u64,
    /// The proxies, in the order in which it tries them.
    pub(crate) endpoints: Vec<String>,
    pub(crate) workload: Workload,
    pub(crate) seed: u64,
    /// Its machine's clock.
    pub(crate) clock: Clock,
    pub(crate) recorder: Recorder,
    /// Turns true when the client shall finish.
    pub(crate) finish: Arc<AtomicBool>,
}

impl Client {
    /// Works until told to finish.
    pub(crate) async fn run(self) {
        let mut draw = Draw::new(self.seed, "client", self.number);
        let options = client::Options {
            timeout: Duration::from_millis(self.workload.patience_ms),
            ..client::Options::default()
        };
        let connection = client::Client::new(&self.endpoints, options, self.clock.clone())
            .expect("simulated addresses are well formed");
        let mut seen_revision = 1;
        for count in 0.. {
            if self.finish.load(Ordering::Relaxed) {
                return;
            }
            let call = self.next_call(&mut draw, count, seen_revision);
            let operation = self.recorder.called(self.number, call.clone());
            let answer = ask(&connection, call).await;
            let failed = answer.is_error();
            seen_revision = seen_revision.max(answer.revision());
            self.recorder.answered(self.number, operation, answer);
            let pause = self.workload.pause_ms;
            sleep(Duration::from_millis(draw.between(pause.low, pause.high))).await;
            if failed {
                sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    /// It knows that the store has had a revision.
    fn next_call(&self, draw: &mut Draw, count: u64, revision: i64) -> Call {
        let Workload { past_percent, compactions_percent, .. } = self.workload;
        let special = if past_percent + compactions_percent > 0 { draw.below(100) } else { 100 };
        let key = Workload::key(draw.below(self.workload.keys));
        let lot = draw.below(100);
        if special < past_percent + compactions_percent {
            let revision = (revision - draw.below(PAST_REVISIONS) as i64).max(1);
            return match special < past_percent {
                true => Call::GetPast { key, revision },
                false => Call::Compact { revision },
            };
        }
        if lot < self.workload.reads_percent {
            Call::Get { key }
        } else if lot < self.workload.reads_percent + self.workload.deletes_percent {
            Call::Delete { key }
        } else {
            Call::Put { key, value: format!("c{}-{count}", self.number) }
        }
    }
}

/// Asks the cluster, and says what the answer means.
pub(crate) async fn ask(connection: &client::Client, call: Call) -> Answer {
    let answer = match call {
        Call::Put { key, value } => connection
            .put(key, value, PutOptions::default())
            .await
            .map(|response| Answer::Put { revision: revision(response.header.as_ref()) }),
        Call::Get { key } => connection.get(key, GetOptions::default()).await.map(got),
        Call::GetPast { key, revision: past } => {
            let past = GetOptions { revision: past, ..GetOptions::default() };
            connection.get(key, past).await.map(got)
        }
        Call::Compact { revision } => connection.compact(revision).await.map(|_| Answer::Compacted),
        Call::Delete { key } => connection.delete(key, Default::default()).await.map(|response| {
            Answer::Deleted { revision: revision(response.header.as_ref()), count: response.deleted }
        }),
    };
    answer.unwrap_or_else(|error| match error.happened {
        Happened::No if error.message.starts_with(COMPACTED) => Answer::Gone,
        Happened::No => Answer::DidNotHappen(error.to_string()),
        _ => Answer::Unknown(error.to_string()),
    })
}

/// etcd's words for a revision that is compacted.
const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";

fn got(response: RangeResponse) -> Answer {
    Answer::Got {
        revision: revision(response.header.as_ref()),
        found: response.kvs.into_iter().next().map(|pair| Found {
            value: String::from_utf8_lossy(&pair.value).into_owned(),
            mod_revision: pair.mod_revision,
            version: pair.version,
        }),
    }
}

fn revision(header: Option<&ResponseHeader>) -> i64 {
    header.map_or(0, |header| header.revision)
}
