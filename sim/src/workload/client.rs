//! A simulated client: one operation after another through the production client library, or (in an open loop) whether or not the
//! last one was answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use conclave::{
    client::{self, DeleteOptions, GetOptions, Happened, PutOptions},
    env::Clock,
    wire::pb::{
        etcdserverpb::{
            AlarmRequest, AlarmType, RangeResponse, ResponseHeader,
            alarm_request::AlarmAction,
            range_request::{SortOrder, SortTarget},
        },
        mvccpb::KeyValue,
    },
};
use conclave_checks::draw::Draw;
use madsim::{
    task::{JoinHandle, spawn},
    time::sleep,
};

use super::{Workload, spans::PAST_REVISIONS};
use crate::trace::{Answer, CLIENT_LIVES, Call, Found, Order, Page, Paged, Range, Recorder, Shown};

/// Pause after a failed operation, so that a client of an unreachable cluster does not spin.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Operations of one client that wait for their answer: no client asks for more at a time.
const UNDER_WAY_MAX: usize = 64;
/// Between two questions of an open loop.
const OPEN_PAUSE_MIN: Duration = Duration::from_millis(5);

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
        let options = client::Options {
            timeout: Duration::from_millis(self.workload.patience_ms),
            ..client::Options::default()
        };
        let (endpoints, clock) = (self.endpoints.clone(), self.clock.clone());
        let connect = move || {
            let connection = client::Client::new(&endpoints, options.clone(), clock.clone());
            Arc::new(connection.expect("simulated addresses are well formed"))
        };
        let connection = match self.workload.asks_anew {
            true => Connection::Anew(Arc::new(connect)),
            false => Connection::Kept(connect()),
        };
        let asking = Asking {
            connection,
            client: self.number,
            recorder: self.recorder.clone(),
            seen_revision: Arc::new(AtomicI64::new(1)),
            finish: self.finish.clone(),
        };
        match self.number % CLIENT_LIVES < self.workload.open_loops {
            true => self.run_open(asking).await,
            false => self.run_closed(asking).await,
        }
    }

    async fn run_closed(self, asking: Asking) {
        let mut draws = self.draws();
        for count in 0.. {
            if self.finish.load(Ordering::Relaxed) {
                return;
            }
            let call = self.next_call(&mut draws, count, asking.seen_revision());
            let failed = asking.ask(call).await;
            sleep(self.pause(&mut draws)).await;
            if failed {
                sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    async fn run_open(self, asking: Asking) {
        let mut draws = self.draws();
        let mut under_way: Vec<JoinHandle<bool>> = Vec::new();
        for count in 0.. {
            if self.finish.load(Ordering::Relaxed) {
                break;
            }
            under_way.retain(|asked| !asked.is_finished());
            if under_way.len() < UNDER_WAY_MAX {
                let call = self.next_call(&mut draws, count, asking.seen_revision());
                let asking = asking.clone();
                under_way.push(spawn(async move { asking.ask(call).await }));
            }
            // Who asks without end of who does not answer at once asks for nothing but room.
            sleep(self.pause(&mut draws).max(OPEN_PAUSE_MIN)).await;
        }
        for asked in under_way {
            let _ = asked.await;
        }
    }

    fn draws(&self) -> Draws {
        let draw = |domain| Draw::new(self.seed, domain, self.number);
        Draws { plain: draw("client"), spans: draw("client's spans") }
    }

    fn pause(&self, draws: &mut Draws) -> Duration {
        let Range { low, high } = self.workload.pause_ms;
        Duration::from_millis(draws.plain.between(low, high))
    }

    /// It knows that the store has had a revision.
    fn next_call(&self, draws: &mut Draws, count: u64, revision: i64) -> Call {
        let call = self.drawn_call(draws, count, revision);
        match call.changes_the_store() && self.workload.only_reads(self.recorder.now_ns()) {
            true => Call::Get { key: self.workload.draw_key(&mut draws.plain) },
            false => call,
        }
    }

    fn drawn_call(&self, draws: &mut Draws, count: u64, revision: i64) -> Call {
        let Draws { plain: draw, spans } = draws;
        let value = || format!("c{}-{count}", self.number);
        if self.workload.spans.total() > 0
            && let Some(call) = self.workload.spans.instead(spans, &self.workload, revision, value)
        {
            return call;
        }
        let Workload { past_percent, compactions_percent, .. } = self.workload;
        let special = if past_percent + compactions_percent > 0 { draw.below(100) } else { 100 };
        let key = self.workload.draw_key(draw);
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
            Call::Put { key, value: value() }
        }
    }
}

/// What a client draws: spans have a stream of their own, so that all else is as it would be without them.
struct Draws {
    plain: Draw,
    spans: Draw,
}

/// What a client asks through.
#[derive(Clone)]
enum Connection {
    Kept(Arc<client::Client>),
    /// Another one for each call.
    Anew(Arc<dyn Fn() -> Arc<client::Client> + Send + Sync>),
}

impl Connection {
    fn for_a_call(&self) -> Arc<client::Client> {
        match self {
            Self::Kept(connection) => connection.clone(),
            Self::Anew(connect) => connect(),
        }
    }
}

/// How a client asks. Cheap to clone.
#[derive(Clone)]
struct Asking {
    connection: Connection,
    client: u64,
    recorder: Recorder,
    seen_revision: Arc<AtomicI64>,
    finish: Arc<AtomicBool>,
}

impl Asking {
    fn seen_revision(&self) -> i64 {
        self.seen_revision.load(Ordering::Relaxed)
    }

    /// Returns whether it failed. Who was shown a page reads all that it is of, to compare, unless it shall finish.
    async fn ask(&self, call: Call) -> bool {
        let whole = match &call {
            Call::Page { from, to, .. } => Some((from.clone(), to.clone(), call.past_revision())),
            _ => None,
        };
        let (failed, present) = self.ask_once(call).await;
        match whole.filter(|_| !failed && present > 0 && !self.finish.load(Ordering::Relaxed)) {
            Some((from, to, past)) => {
                let revision = past.unwrap_or(present);
                self.ask_once(Call::Range { from, to, revision }).await.0
            }
            None => failed,
        }
    }

    /// Returns whether it failed, and the revision that it was told of; 0 if of none.
    async fn ask_once(&self, call: Call) -> (bool, i64) {
        let answer = ask_and_tell(&self.connection.for_a_call(), &self.recorder, self.client, call).await;
        let told = (answer.is_error(), answer.revision());
        self.seen_revision.fetch_max(told.1, Ordering::Relaxed);
        told
    }
}

/// Asks the cluster, under a client's number; what is asked and answered is part of the history.
pub(super) async fn ask_and_tell(
    connection: &client::Client,
    recorder: &Recorder,
    client: u64,
    call: Call,
) -> Answer {
    let operation = recorder.called(client, call.clone());
    let answer = ask(connection, call).await;
    recorder.answered(client, operation, answer.clone());
    answer
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
        Call::Backup { .. } => unreachable!("operators ask so, and in another way (`errands.rs`)"),
        Call::Compact { revision } => connection.compact(revision).await.map(|_| Answer::Compacted),
        Call::Alarm { member, raises } => {
            connection.alarm(alarm(member, raises)).await.map(|_| Answer::Alarmed)
        }
        Call::Delete { key } => connection.delete(key, Default::default()).await.map(|response| {
            Answer::Deleted { revision: revision(response.header.as_ref()), count: response.deleted }
        }),
        Call::Replace { key, value } => {
            let options = PutOptions { prev_kv: true, ..PutOptions::default() };
            connection.put(key, value, options).await.map(|response| Answer::Replaced {
                revision: revision(response.header.as_ref()),
                previous: response.prev_kv.as_ref().map(found),
            })
        }
        Call::Range { from, to, revision } => {
            let range = GetOptions { range_end: to.into(), revision, ..GetOptions::default() };
            connection.get(from, range).await.map(ranged)
        }
        Call::RangeOfAny { from, to } => {
            let range = GetOptions { range_end: to.into(), serializable: true, ..GetOptions::default() };
            connection.get(from, range).await.map(ranged)
        }
        Call::Page { from, to, revision, page } => {
            connection.get(from, page_options(to, revision, page)).await.map(paged)
        }
        Call::DeleteRange { from, to, previous } => {
            let range = DeleteOptions { range_end: to.into(), prev_kv: previous, ..DeleteOptions::default() };
            connection.delete(from, range).await.map(|response| Answer::RangeDeleted {
                revision: revision(response.header.as_ref()),
                count: response.deleted,
                previous: previous.then(|| response.prev_kvs.iter().map(pair).collect()),
            })
        }
    };
    answer.unwrap_or_else(|error| match error.happened {
        Happened::No if error.message.starts_with(COMPACTED) => Answer::Gone,
        Happened::No => Answer::DidNotHappen(error.to_string()),
        _ => Answer::Unknown(error.to_string()),
    })
}

fn alarm(member_id: u64, raises: bool) -> AlarmRequest {
    let action = if raises { AlarmAction::Activate } else { AlarmAction::Deactivate };
    AlarmRequest { action: action.into(), member_id, alarm: AlarmType::Nospace.into() }
}

/// etcd's words for a revision that is compacted.
const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";

fn got(response: RangeResponse) -> Answer {
    Answer::Got { revision: revision(response.header.as_ref()), found: response.kvs.first().map(found) }
}

fn ranged(response: RangeResponse) -> Answer {
    let found = response.kvs.iter().map(pair).collect();
    Answer::Ranged { revision: revision(response.header.as_ref()), found }
}

fn page_options(to: String, revision: i64, page: Page) -> GetOptions {
    let target = match page.order {
        Order::Key => SortTarget::Key,
        Order::Version => SortTarget::Version,
        Order::Creation => SortTarget::Create,
        Order::Modification => SortTarget::Mod,
        Order::Value => SortTarget::Value,
    };
    // Rising is what an order is that is not named.
    let order = if page.descending { SortOrder::Descend } else { SortOrder::None };
    GetOptions {
        range_end: to.into(),
        revision,
        limit: page.limit as i64,
        sort_order: order.into(),
        sort_target: target.into(),
        serializable: page.of_any_node,
        keys_only: page.shown == Shown::Keys,
        count_only: page.shown == Shown::Count,
        min_mod_revision: page.mod_revisions.low,
        max_mod_revision: page.mod_revisions.high,
        min_create_revision: page.create_revisions.low,
        max_create_revision: page.create_revisions.high,
        ..GetOptions::default()
    }
}

fn paged(response: RangeResponse) -> Answer {
    let found = response.kvs.iter().map(pair).collect();
    let revision = revision(response.header.as_ref());
    Answer::Paged { revision, paged: Paged { found, count: response.count, more: response.more } }
}

fn pair(pair: &KeyValue) -> (String, Found) {
    (String::from_utf8_lossy(&pair.key).into_owned(), found(pair))
}

fn found(pair: &KeyValue) -> Found {
    Found {
        value: String::from_utf8_lossy(&pair.value).into_owned(),
        mod_revision: pair.mod_revision,
        version: pair.version,
        create_revision: pair.create_revision,
    }
}

fn revision(header: Option<&ResponseHeader>) -> i64 {
    header.map_or(0, |header| header.revision)
}
