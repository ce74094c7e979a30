//! A simulated client: one operation after another through the production client library, each noted when it is
//! asked and when it is answered.

use std::time::Duration;

use conclave::client::{self, GetOptions, Happened, PutOptions};
use tokio::sync::watch;

use crate::{
    draw::Draw,
    history::{Answer, Call, Found, History},
    oracle::Oracle,
    scenario::Workload,
    trace::What,
    world::{clock, now_ns},
};

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
    pub(crate) history: History,
    pub(crate) oracle: Oracle,
    /// Turns true when the client shall finish.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Client {
    /// Works until told to stop.
    pub(crate) async fn run(self) {
        let mut draw = Draw::new(self.seed, "client", self.number);
        let options = client::Options { timeout: Duration::from_millis(self.workload.patience_ms) };
        let connection = client::Client::new(&self.endpoints, options, clock())
            .expect("simulated addresses are well formed");
        for count in 0.. {
            if *self.stop.borrow() {
                return;
            }
            let call = self.next_call(&mut draw, count);
            let failed = self.carry_out(&connection, call).await;
            let pause = self.workload.pause_ms;
            tokio::time::sleep(Duration::from_millis(draw.between(pause.low, pause.high))).await;
            if failed {
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    fn next_call(&self, draw: &mut Draw, count: u64) -> Call {
        let key = format!("key-{}", draw.below(self.workload.keys));
        let lot = draw.below(100);
        if lot < self.workload.reads_percent {
            Call::Get { key }
        } else if lot < self.workload.reads_percent + self.workload.deletes_percent {
            Call::Delete { key }
        } else {
            Call::Put { key, value: format!("c{}-{count}", self.number) }
        }
    }

    /// One operation from call to answer. True: it failed.
    async fn carry_out(&self, connection: &client::Client, call: Call) -> bool {
        self.oracle.note(What::Invoked { client: self.number, operation: format!("{call:?}") });
        let number = self.history.called(self.number, now_ns(), call.clone());
        let answer = ask(connection, call).await;
        let failed = matches!(answer, Answer::DidNotHappen(_) | Answer::Unknown(_));
        self.oracle.note(What::Returned { client: self.number, outcome: format!("{answer:?}") });
        self.history.answered(number, now_ns(), answer);
        failed
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

fn revision(header: Option<&conclave::wire::pb::etcdserverpb::ResponseHeader>) -> i64 {
    header.map_or(0, |header| header.revision)
}
