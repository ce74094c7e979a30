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
    wire::pb::etcdserverpb::ResponseHeader,
};
use conclave_checks::draw::Draw;
use madsim::time::sleep;

use super::Workload;
use crate::trace::{Answer, Call, Found, Recorder};

/// Pause after a failed operation, so that a client of an unreachable cluster does not spin.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(50);

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
        let options = client::Options { timeout: Duration::from_millis(self.workload.patience_ms) };
        let connection = client::Client::new(&self.endpoints, options, self.clock.clone())
            .expect("simulated addresses are well formed");
        for count in 0.. {
            if self.finish.load(Ordering::Relaxed) {
                return;
            }
            let call = self.next_call(&mut draw, count);
            let operation = self.recorder.called(self.number, call.clone());
            let answer = ask(&connection, call).await;
            let failed = answer.is_error();
            self.recorder.answered(self.number, operation, answer);
            let pause = self.workload.pause_ms;
            sleep(Duration::from_millis(draw.between(pause.low, pause.high))).await;
            if failed {
                sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    fn next_call(&self, draw: &mut Draw, count: u64) -> Call {
        let key = Workload::key(draw.below(self.workload.keys));
        let lot = draw.below(100);
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
        Call::Get { key } => connection.get(key, GetOptions::default()).await.map(|response| Answer::Got {
            revision: revision(response.header.as_ref()),
            found: response.kvs.into_iter().next().map(|pair| Found {
                value: String::from_utf8_lossy(&pair.value).into_owned(),
                mod_revision: pair.mod_revision,
                version: pair.version,
            }),
        }),
        Call::Delete { key } => connection.delete(key, Default::default()).await.map(|response| {
            Answer::Deleted { revision: revision(response.header.as_ref()), count: response.deleted }
        }),
    };
    answer.unwrap_or_else(|error| match error.happened {
        Happened::No => Answer::DidNotHappen(error.to_string()),
        _ => Answer::Unknown(error.to_string()),
    })
}

fn revision(header: Option<&ResponseHeader>) -> i64 {
    header.map_or(0, |header| header.revision)
}
