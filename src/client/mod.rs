//! The client library: the etcd API over the proxies, with fail-over from one proxy to the next.
//!
//! A write is sent to another proxy only when it certainly did not reach the first: the library never retries one whose
//! outcome it does not know. Every error answers the caller's question: did it happen?
//!
//! Each call tells the proxy how long its client waits, and a proxy answers a little before that: so a caller reads what
//! the proxy knows of the cluster, rather than that the time has passed.

mod error;

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::Mutex;
use tonic::{Code, Request, Response, Status, Streaming};

use error::Access;
pub use error::{ClientError, Happened, is_passing};

use crate::{
    env::{Clock, Moment, sometimes},
    rpc::{self, Channel, Expected, Security, Target, happy_eyeballs::first_connected},
    wire::{
        WithLimits,
        pb::{
            etcdserverpb::{
                AlarmRequest, AlarmResponse, CompactionRequest, CompactionResponse, DeleteRangeRequest,
                DeleteRangeResponse, PutRequest, PutResponse, RangeRequest, RangeResponse, SnapshotRequest,
                SnapshotResponse, kv_client::KvClient, maintenance_client::MaintenanceClient,
            },
            v1::{
                ChangeMembersRequest, ChangeMembersResponse, StatusRequest, StatusResponse, TransferRequest,
                TransferResponse, admin_client::AdminClient, status_client::StatusClient,
            },
        },
    },
};

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a request may take, fail-over included.
    pub timeout: Duration,
    /// How connections to the proxies are secured.
    pub security: Security,
}

impl Default for Options {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), security: Security::default() }
    }
}

/// What else a put may ask for.
pub type PutOptions = PutRequest;
/// What else a read may ask for.
pub type GetOptions = RangeRequest;
/// What else a delete may ask for.
pub type DeleteOptions = DeleteRangeRequest;

/// A client of one cluster, through any of its proxies.
#[derive(Debug)]
pub struct Client {
    proxies: Vec<Proxy>,
    /// The proxy that was asked last, or the one after it, if it did not answer or reaches no leader.
    preferred: AtomicUsize,
    options: Options,
    clock: Clock,
}

#[derive(Debug)]
struct Proxy {
    target: Target,
    connection: Mutex<Connection>,
    /// The connections up to this number are gone.
    gone: AtomicU64,
}

/// A connection to a proxy: the how many-th it is, counted from 1, and since when there is one.
#[derive(Clone, Debug)]
struct Connected {
    channel: Channel,
    number: u64,
    since: Moment,
}

/// What there is of a connection to a proxy.
#[derive(Debug, Default)]
struct Connection {
    latest: Option<Connected>,
    /// So many were made so far.
    made: u64,
    /// When an attempt to make one ended in vain the last time, and why. (One that another proxy forestalled leaves no word.)
    failed: Option<(Moment, ClientError)>,
}

impl Client {
    /// A client of the proxies at these endpoints (`host:port`). Connects when it is first used.
    ///
    /// # Errors
    /// There is no endpoint, or one is not of the form `host:port`.
    pub fn new(endpoints: &[String], options: Options, clock: Clock) -> Result<Self, ClientError> {
        if endpoints.is_empty() {
            return Err(ClientError::bad_request("no endpoint is given: name a proxy, as in 127.0.0.1:2379"));
        }
        for endpoint in endpoints {
            rpc::check_address(endpoint).map_err(|error| ClientError::bad_request(error.to_string()))?;
        }
        let proxies = endpoints
            .iter()
            .map(|endpoint| Proxy {
                target: Target {
                    address: endpoint.clone(),
                    expected: Expected::Anybody,
                    security: options.security.clone(),
                },
                connection: Mutex::default(),
                gone: AtomicU64::new(0),
            })
            .collect();
        Ok(Self { proxies, preferred: AtomicUsize::new(0), options, clock })
    }

    /// Writes a pair.
    ///
    /// # Errors
    /// See [`ClientError::happened`].
    pub async fn put(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
        options: PutOptions,
    ) -> Result<PutResponse, ClientError> {
        let put = PutRequest { key: key.into(), value: value.into(), ..options };
        let calling = async |channel, put| KvClient::new(channel).with_limits().put(put).await;
        self.call(Access::Write, put, calling).await
    }

    /// Reads a key, or the range that the options name. Linearizable, unless the options say serializable.
    ///
    /// # Errors
    /// See [`ClientError::happened`].
    pub async fn get(
        &self,
        key: impl Into<Bytes>,
        options: GetOptions,
    ) -> Result<RangeResponse, ClientError> {
        let range = RangeRequest { key: key.into(), ..options };
        let calling = async |channel, range| KvClient::new(channel).with_limits().range(range).await;
        self.call(Access::Read, range, calling).await
    }

    /// Deletes a key, or the range that the options name.
    ///
    /// # Errors
    /// See [`ClientError::happened`].
    pub async fn delete(
        &self,
        key: impl Into<Bytes>,
        options: DeleteOptions,
    ) -> Result<DeleteRangeResponse, ClientError> {
        let delete = DeleteRangeRequest { key: key.into(), ..options };
        let calling = async |channel, delete| KvClient::new(channel).with_limits().delete_range(delete).await;
        self.call(Access::Write, delete, calling).await
    }

    /// Gives up the past before a revision: nothing older can be read from then on.
    ///
    /// # Errors
    /// See [`ClientError::happened`].
    pub async fn compact(&self, revision: i64) -> Result<CompactionResponse, ClientError> {
        let compact = CompactionRequest { revision, physical: false };
        let calling = async |channel, compact| KvClient::new(channel).with_limits().compact(compact).await;
        self.call(Access::Write, compact, calling).await
    }

    /// Lists, raises or clears alarms.
    ///
    /// # Errors
    /// See [`ClientError::happened`].
    pub async fn alarm(&self, request: AlarmRequest) -> Result<AlarmResponse, ClientError> {
        let calling = async |channel, ask| MaintenanceClient::new(channel).with_limits().alarm(ask).await;
        self.call(Access::Write, request, calling).await
    }

    /// Begins to take a backup of everything. It holds all that was acknowledged before; if it breaks off it is to be begun again.
    ///
    /// # Errors
    /// See [`ClientError::happened`].
    pub async fn backup(&self) -> Result<Streaming<SnapshotResponse>, ClientError> {
        let calling = async |channel, ask| MaintenanceClient::new(channel).with_limits().snapshot(ask).await;
        self.call(Access::Read, SnapshotRequest {}, calling).await
    }

    /// The cluster as a proxy (or a node, if the endpoint is one) sees it.
    ///
    /// # Errors
    /// See [`ClientError::happened`].
    pub async fn status(&self) -> Result<StatusResponse, ClientError> {
        let calling = async |channel, ask| StatusClient::new(channel).with_limits().status(ask).await;
        self.call(Access::Read, StatusRequest {}, calling).await
    }

    /// Takes a step towards other members. What is wanted may be asked for again until the answer says that it is done.
    ///
    /// # Errors
    /// See [`ClientError::happened`].
    pub async fn change_members(
        &self,
        wanted: ChangeMembersRequest,
    ) -> Result<ChangeMembersResponse, ClientError> {
        let calling =
            async |channel, wanted| AdminClient::new(channel).with_limits().change_members(wanted).await;
        self.call(Access::Write, wanted, calling).await
    }

    /// Begins to hand leadership over to a node; 0 stands for whoever is most up to date. `from` leads; 0 stands for whoever does.
    /// With one of them named it may be asked for again until the answer says that it is done.
    ///
    /// # Errors
    /// See [`ClientError::happened`].
    pub async fn transfer(&self, from: u64, to: u64) -> Result<TransferResponse, ClientError> {
        let wanted = TransferRequest { from, to, ..TransferRequest::default() };
        let calling = async |channel, wanted| AdminClient::new(channel).with_limits().transfer(wanted).await;
        self.call(Access::Write, wanted, calling).await
    }

    /// Calls the preferred proxy, and others as long as the request certainly did not arrive, or changes nothing.
    async fn call<Q: Clone, A>(
        &self,
        access: Access,
        message: Q,
        calling: impl AsyncFn(Channel, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, ClientError> {
        let deadline = self.clock.now() + self.options.timeout;
        let first = self.preferred.load(Ordering::Relaxed);
        let mut untried: Vec<usize> = (first..self.proxies.len()).chain(0..first).collect();
        // Those whose connection of before was gone.
        let mut found_gone = Vec::new();
        loop {
            let asked = self.clock.now();
            let (number, Connected { channel, number: connection, since }) =
                self.connected(&untried, deadline).await?;
            sometimes!(number != first, ClientFailsOver);
            let proxy = &self.proxies[number];
            self.preferred.store(number, Ordering::Relaxed);
            let left = deadline.since(self.clock.now());
            // The channel waits for the beginning of an answer, and the rest may never come.
            let asking = calling(channel, rpc::with_deadline(message.clone(), left));
            let status = match self.clock.timeout(left, asking).await {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded(format!("no answer within {left:?}")),
            };
            let is_lost = !error::came_from_proxy(&status);
            if is_lost {
                proxy.forget(connection);
            }
            let was_not_sent = is_lost && rpc::was_not_sent(&status);
            // The connection of before was gone: the proxy itself was not asked, and has its turn as any other. One that takes
            // connections and closes them had it already, though another call made that connection.
            let is_kept = since < asked && !found_gone.contains(&number);
            if was_not_sent && is_kept && self.clock.now() < deadline {
                found_gone.push(number);
                continue;
            }
            // A write that reached nobody has changed as little as a read.
            let access = if was_not_sent { Access::Read } else { access };
            let error = ClientError::of_status(&proxy.target.address, &status, access);
            // It may be cut off, with no leader on its side, or be silent itself: the next call tries another one.
            if is_lost || error.code == Code::Unavailable {
                self.prefer_after(number);
            }
            untried.retain(|&other| other != number);
            // Those before it had their turn, and were silent.
            untried.sort_by_key(|&other| (other + self.proxies.len() - number) % self.proxies.len());
            let may_go_on = is_lost && access == Access::Read && !untried.is_empty();
            if !may_go_on || self.clock.now() >= deadline {
                return Err(error);
            }
        }
    }

    /// The first of these proxies, or whoever is connected sooner: one that no connection comes to takes no more of a call than its
    /// turn.
    async fn connected(
        &self,
        numbers: &[usize],
        deadline: Moment,
    ) -> Result<(usize, Connected), ClientError> {
        let attempts = numbers.iter().copied().map(async |number| {
            let connected = self.proxies[number].connected(&self.clock, deadline).await?;
            Ok((number, connected))
        });
        first_connected(attempts, &self.clock).await.map_err(|last: Option<ClientError>| {
            // Not all may have had their turn: the next call begins with the one after this.
            self.prefer_after(numbers[0]);
            last.expect("a proxy is left to be tried")
        })
    }

    /// The next call begins with the proxy after this one.
    fn prefer_after(&self, number: usize) {
        self.preferred.store((number + 1) % self.proxies.len(), Ordering::Relaxed);
    }
}

impl Proxy {
    /// The connection: a request that finds none certainly did not arrive.
    async fn connected(&self, clock: &Clock, deadline: Moment) -> Result<Connected, ClientError> {
        let asked = clock.now();
        let late = || format!("cannot reach {}: no answer in time", self.target.address);
        // Nothing is begun for a call that is over, on a connection that is there either.
        if asked >= deadline {
            return Err(ClientError::unreachable(&late()));
        }
        let locked = clock.timeout(deadline.since(asked), self.connection.lock()).await;
        let mut connection = locked.map_err(|_| ClientError::unreachable(&late()))?;
        let is_there = |latest: &&Connected| latest.number > self.gone.load(Ordering::Relaxed);
        if let Some(latest) = connection.latest.as_ref().filter(is_there) {
            return Ok(latest.clone());
        }
        // It was tried while this call waited for its turn: to wait as long once more helps nobody.
        if let Some((_, error)) = connection.failed.as_ref().filter(|(failed, _)| *failed >= asked) {
            return Err(error.clone());
        }
        let connected = clock.timeout(deadline.since(clock.now()), rpc::connect(&self.target, clock)).await;
        match connected {
            Ok(Ok(channel)) => {
                connection.made += 1;
                let number = connection.made;
                Ok(connection.latest.insert(Connected { channel, number, since: clock.now() }).clone())
            }
            Ok(Err(error)) => {
                let error = ClientError::unreachable(&error.to_string());
                connection.failed = Some((clock.now(), error.clone()));
                Err(error)
            }
            // This call has no more time, which says nothing of the proxy.
            Err(_) => Err(ClientError::unreachable(&late())),
        }
    }

    /// This connection broke: the next request makes a new one, or learns that it cannot.
    fn forget(&self, number: u64) {
        self.gone.fetch_max(number, Ordering::Relaxed);
        if let Ok(mut connection) = self.connection.try_lock()
            && connection.made == number
        {
            connection.latest = None;
        }
    }
}

/// The end of the range of all keys that begin with `prefix`: the smallest key that is greater than all of them. One
/// zero byte, which stands for "to the end", when there is none.
pub fn prefix_range_end(prefix: &[u8]) -> Bytes {
    match prefix.iter().rposition(|&byte| byte < u8::MAX) {
        Some(last) => {
            let mut end = prefix[..=last].to_vec();
            end[last] += 1;
            end.into()
        }
        None => Bytes::from_static(&[0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_its_last_byte_can_still_grow() {
        assert_eq!(prefix_range_end(b"ab"), Bytes::from_static(b"ac"));
        assert_eq!(prefix_range_end(b"a\xff"), Bytes::from_static(b"b"));
        assert_eq!(prefix_range_end(b"\xff\xff"), Bytes::from_static(b"\0"));
        assert_eq!(prefix_range_end(b""), Bytes::from_static(b"\0"));
    }

    /// A client of two proxies that swallow everything, and a third that takes connections; and what has to be kept for that.
    #[cfg(not(madsim))]
    async fn client_of_two_that_swallow_and_one(options: Options) -> (Client, impl Sized) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let good = listener.local_addr().expect("it is bound").to_string();
        let (swallows, full) = rpc::swallowing().await;
        let endpoints = [swallows.to_string(), swallows.to_string(), good];
        let client = Client::new(&endpoints, options, Clock::new(Duration::ZERO)).expect("good endpoints");
        (client, (listener, full))
    }

    #[cfg(not(madsim))]
    #[tokio::test]
    async fn proxies_that_swallow_everything_take_no_call_from_one_that_answers() {
        let (client, _sockets) = client_of_two_that_swallow_and_one(Options::default()).await;
        let soon = |client: &Client| client.clock.now() + rpc::CONNECT_TIMEOUT;
        let (number, _) = client.connected(&[0, 1, 2], soon(&client)).await.expect("the last is there");
        assert_eq!(number, 2);
        let error = client.connected(&[1, 0], soon(&client)).await.expect_err("they are silent");
        assert_eq!((error.code, error.happened), (Code::Unavailable, Happened::No));
        assert_eq!(client.preferred.load(Ordering::Relaxed), 2, "who was not asked in vain comes next");
    }

    #[cfg(not(madsim))]
    #[tokio::test]
    async fn a_write_that_finds_its_connection_gone_is_made_through_another_proxy() {
        let (first, address) = rpc::with_little_room();
        let second = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let other = second.local_addr().expect("it is bound").to_string();
        let options = Options { timeout: Duration::from_millis(1_500), ..Options::default() };
        let endpoints = [address.to_string(), other.clone()];
        let client = Client::new(&endpoints, options, Clock::new(Duration::ZERO)).expect("good endpoints");
        let soon = client.clock.now() + rpc::CONNECT_TIMEOUT;
        client.connected(&[0], soon).await.expect("it is there");
        // Its connection is closed, and nobody is answered there any more, as where a machine has lost its power.
        let (connection, _) = first.accept().await.expect("the client's");
        let _waiting = rpc::filled(address).await;
        drop(connection);
        client.clock.sleep(Duration::from_millis(100)).await;
        let error = client.put("key", "value", PutOptions::default()).await.expect_err("the other is silent");
        let told = error.to_string();
        assert!(told.contains(&other) && !told.contains(&endpoints[0]), "{told}");
        assert_eq!(client.preferred.load(Ordering::Relaxed), 0, "the next call begins with the first");
    }

    #[cfg(not(madsim))]
    #[tokio::test]
    async fn a_proxy_that_closes_what_it_takes_has_one_turn_of_all_calls_that_wait_for_it() {
        let listeners = [(); 2].map(|()| tokio::net::TcpListener::bind("127.0.0.1:0"));
        let [closes, silent] = listeners.map(async |bound| bound.await.expect("a free port"));
        let (closes, silent) = (closes.await, silent.await);
        let address =
            |listener: &tokio::net::TcpListener| listener.local_addr().expect("it is bound").to_string();
        let endpoints = [address(&closes), address(&silent)];
        let options = Options { timeout: Duration::from_millis(1_500), ..Options::default() };
        let client = Client::new(&endpoints, options, Clock::new(Duration::ZERO)).expect("good endpoints");
        let taken = AtomicUsize::new(0);
        let closing = async {
            loop {
                drop(closes.accept().await);
                taken.fetch_add(1, Ordering::Relaxed);
            }
        };
        let gets = (0..20).map(|_| client.get("key", GetOptions::default()));
        let answers = tokio::select! {
            () = closing => unreachable!("it goes on"),
            answers = futures_util::future::join_all(gets) => answers,
        };
        for answer in answers {
            let told = answer.expect_err("the other is silent").to_string();
            assert!(told.contains(&endpoints[1]), "{told}");
        }
        assert!(taken.load(Ordering::Relaxed) < 5, "{taken:?} connections for twenty calls");
    }

    #[cfg(not(madsim))]
    #[tokio::test]
    async fn a_call_that_is_over_is_begun_nowhere() {
        let options = Options { timeout: Duration::from_millis(400), ..Options::default() };
        let (client, _sockets) = client_of_two_that_swallow_and_one(options).await;
        let soon = client.clock.now() + rpc::CONNECT_TIMEOUT;
        client.connected(&[2], soon).await.expect("it is there");
        let error = client.put("key", "value", PutOptions::default()).await.expect_err("none had the time");
        assert_eq!((error.code, error.happened), (Code::Unavailable, Happened::No), "{error}");
    }
}
