//! The simulated server: what madsim-tonic's clients expect, over madsim's network.
//!
//! madsim-tonic brings a server of its own, which waits for the first message of a connection before it accepts the
//! next: one slow client stalls all others. And it lets a handler run on when its caller is gone. This one serves
//! every connection by itself and drops what nobody waits for, as real tonic does.
//!
//! A connection carries one call. These messages cross, where M is a message of the service:
//!
//! | request  |                                          |
//! |----------|------------------------------------------|
//! | single   | `Opening` with the M                     |
//! | stream   | `Opening` with `()`, then the Ms         |
//!
//! | response |                                          |
//! |----------|------------------------------------------|
//! | single   | `Result<Response<M>>`                    |
//! | stream   | `Result<Response<()>>`, `Result<M>`.., `()` |

use std::{
    any::Any,
    collections::BTreeMap,
    future::ready,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::{
    Stream, StreamExt,
    future::try_join_all,
    stream::{self, BoxStream},
};
use madsim::net::Endpoint;
use tokio::sync::{Semaphore, mpsc};
use tonic::{
    Code, Request, Response, Status,
    codegen::{BoxFuture, BoxMessage, BoxMessageStream, RequestExt, Service, http::uri::PathAndQuery},
    transport::NamedService,
};

use super::{
    ACCEPTORS, HANDSHAKE_TIMEOUT, Payload,
    ends::{Outward, inward},
    fields::let_go,
    line::Line,
    lines::Lines,
    transit::Broken,
};
use crate::{
    env::{Clock, Health},
    rpc::{
        ALL_ROLES, Callers, RpcError, Security, ServerLimits,
        error::unimplemented,
        health::{HealthService, pb::health_server::HealthServer},
    },
};

/// A call's first message: where it goes, whether a stream is to come back, and the request.
type Opening = (PathAndQuery, bool, Request<BoxMessage>);

type Answer = Response<BoxMessageStream>;
type Services = BTreeMap<&'static str, Box<dyn Dispatch>>;

/// A generated service, whatever its type.
trait Dispatch: Send + Sync {
    fn call(&self, path: PathAndQuery, request: Request<BoxMessageStream>) -> BoxFuture<Answer, Status>;
}

impl<S> Dispatch for S
where
    S: Service<
            (PathAndQuery, Request<BoxMessageStream>),
            Response = Answer,
            Error = Status,
            Future = BoxFuture<Answer, Status>,
        > + Clone
        + Send
        + Sync,
{
    fn call(&self, path: PathAndQuery, request: Request<BoxMessageStream>) -> BoxFuture<Answer, Status> {
        Service::call(&mut self.clone(), (path, request))
    }
}

/// Services that will share one address.
pub struct Server {
    services: Services,
    /// Of the services.
    names: Vec<&'static str>,
    clock: Clock,
}

impl Server {
    /// A server without services: every call answers UNIMPLEMENTED.
    pub fn new(clock: &Clock, _: &Security, _: ServerLimits) -> Self {
        Self { services: Services::new(), names: Vec::new(), clock: clock.clone() }
    }

    /// Adds a generated service. Nobody proves who it is in simulation, and all may call it.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "a server is no sum")]
    pub fn add<S>(mut self, _: Callers, service: S) -> Self
    where
        S: Service<
                (PathAndQuery, Request<BoxMessageStream>),
                Response = Answer,
                Error = Status,
                Future = BoxFuture<Answer, Status>,
            > + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.names.push(S::NAME);
        self.services.insert(S::NAME, Box::new(service));
        self
    }

    /// Adds gRPC's health service: the process and its services, those added so far, are as `health` says.
    #[must_use]
    pub fn add_health(self, health: &Health) -> Self {
        let service = HealthService::new(&self.names, health, &self.clock);
        self.add(ALL_ROLES, HealthServer::new(service))
    }

    /// Takes the address; port 0 takes any free port. Callers may connect from now on, and are answered once
    /// [`Bound::serve`] runs.
    pub async fn bind(self, address: SocketAddr) -> Result<Bound, RpcError> {
        let refused = |reason| RpcError::Bind { address, reason };
        let endpoint = Endpoint::bind(address).await.map_err(refused)?;
        let local_addr = endpoint.local_addr().map_err(refused)?;
        Ok(Bound { services: Arc::new(self.services), clock: self.clock, endpoint, local_addr })
    }
}

/// A server that has its address.
pub struct Bound {
    services: Arc<Services>,
    clock: Clock,
    endpoint: Endpoint,
    local_addr: SocketAddr,
}

impl Bound {
    /// The address with its true port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown`; then takes nothing new, leaves calls under way the `grace` to end, and cuts
    /// what remains. Dropping the future cuts everything at once.
    pub async fn serve(self, shutdown: impl Future<Output = ()>, grace: Duration) -> Result<(), RpcError> {
        let address = self.local_addr;
        let cut = Cut::default();
        let clock = self.clock.clone();
        let (alive, mut all_ended) = mpsc::channel(1);
        let acceptors = (0..ACCEPTORS).map(|_| self.accept(cut.0.clone(), alive.clone()));
        tokio::select! {
            biased;
            () = shutdown => {}
            outcome = try_join_all(acceptors) => {
                return outcome.map(drop).map_err(|error| RpcError::Serve { address, reason: error.to_string() });
            }
        }
        drop(self);
        drop(alive);
        if clock.timeout(grace, all_ended.recv()).await.is_err() {
            drop(cut);
            all_ended.recv().await;
        }
        Ok(())
    }

    /// Gives every connection a task of its own, which ends when `uncut` closes and keeps `alive` until then.
    async fn accept(&self, uncut: Arc<Semaphore>, alive: mpsc::Sender<()>) -> io::Result<()> {
        loop {
            let (tx, rx, caller) = self.endpoint.accept1().await?;
            let lines = Lines::current();
            let there = Line { from: caller.ip(), to: self.local_addr.ip() };
            let rx = Box::pin(inward(lines.network(), lines.straying(), there, rx));
            let connection = Connection {
                services: self.services.clone(),
                clock: self.clock.clone(),
                server: self.local_addr,
                caller,
                outward: Arc::new(Outward::new(lines.network(), there, tx)),
                lines,
            };
            let (uncut, alive) = (uncut.clone(), alive.clone());
            tokio::spawn(async move {
                let _alive = alive;
                tokio::select! {
                    biased;
                    _ = uncut.acquire() => {}
                    () = connection.serve(rx) => {}
                }
            });
        }
    }
}

/// Cuts all connections when it is dropped. A closed semaphore wakes those who wait in the order in which they came;
/// a watch channel would draw the order from a process-wide counter.
struct Cut(Arc<Semaphore>);

impl Default for Cut {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Connection {
    services: Arc<Services>,
    clock: Clock,
    server: SocketAddr,
    caller: SocketAddr,
    lines: Arc<Lines>,
    outward: Arc<Outward>,
}

/// The caller's messages as they arrive.
type Incoming = Pin<Box<dyn Stream<Item = Result<Payload, Broken>> + Send>>;

impl Connection {
    /// Serves the one call of the connection, until it is answered or the caller goes away.
    async fn serve(self, mut rx: Incoming) {
        // A connection that ends without a word is a client's test whether the server is there.
        let Some(first) = self.first(&mut rx).await else { return };
        let (path, wants_stream, mut request) =
            *first.downcast::<Opening>().expect("madsim-tonic's client opens every call so");
        request.set_tcp_connect_info(self.server, self.caller);
        let deadline = request.timeout();
        let bytes = self.lines.weigh(&**request.get_ref());
        let lines = self.lines.clone();
        let show = move |message: &Result<BoxMessage, Status>| {
            message.iter().for_each(|message| lines.show(&**message));
        };
        let request = request.map(|body| {
            incoming(body, rx, Arc::downgrade(&self.outward), self.clock.clone()).inspect(show).boxed()
        });
        let respond = async {
            let answer = self.answer(path, request, bytes, deadline).await;
            if wants_stream { self.send_stream(answer).await } else { self.send_single(answer).await }
        };
        tokio::select! {
            biased;
            () = self.outward.closed() => {}
            // A failed send means that the caller went away: nobody is left to be told.
            _ = respond => {}
        }
    }

    /// What the connection begins with. `None`: nothing came in time. What is held up on the line is not the caller's fault.
    async fn first(&self, rx: &mut Incoming) -> Option<Payload> {
        loop {
            match self.clock.timeout(HANDSHAKE_TIMEOUT, rx.next()).await {
                Ok(first) => return first?.ok(),
                Err(_) if self.lines.network().is_sound(self.outward.there()) => return None,
                Err(_) => {}
            }
        }
    }

    async fn answer(
        &self,
        path: PathAndQuery,
        request: Request<BoxMessageStream>,
        bytes: usize,
        deadline: Option<Duration>,
    ) -> Result<Answer, Status> {
        let name = path.path().split('/').nth(1).unwrap_or_default();
        let Some(service) = self.services.get(name) else {
            return Err(unimplemented(path.path()));
        };
        let handler = async {
            // The caller's side sends a call at once; that its bytes take their time is made up for here.
            self.lines.cross(self.outward.there(), bytes).await;
            service.call(path.clone(), request).await
        };
        let answer = match deadline {
            Some(deadline) => {
                self.clock.timeout(deadline, handler).await.unwrap_or_else(|_| Err(late(deadline)))
            }
            None => handler.await,
        };
        answer.map_err(|status| unknown_method(status, &path))
    }

    async fn send_single(&self, answer: Result<Answer, Status>) -> io::Result<()> {
        let answer = match answer {
            Ok(response) => self.single(response).await,
            Err(status) => Err(status),
        };
        self.outward.send(Box::new(answer)).await
    }

    /// The one message of an answer, once it is through to the caller.
    async fn single(&self, response: Answer) -> Result<Response<BoxMessage>, Status> {
        let (metadata, mut messages, mut extensions) = response.into_parts();
        let message = messages.next().await.expect("a generated unary handler yields one message")?;
        self.cross(&*message).await;
        let_go(&mut extensions);
        Ok(Response::from_parts(metadata, message, extensions))
    }

    /// Waits until a message is through to the caller.
    async fn cross(&self, message: &(dyn Any + Send + Sync)) {
        let bytes = self.lines.weigh(message);
        self.lines.cross(self.outward.back(), bytes).await;
    }

    async fn send_stream(&self, answer: Result<Answer, Status>) -> io::Result<()> {
        let (head, mut messages) = match answer {
            Ok(response) => {
                let (metadata, messages, extensions) = response.into_parts();
                (Ok(Response::from_parts(metadata, (), extensions)), messages)
            }
            Err(status) => return self.outward.send(Box::new(Err::<Response<()>, _>(status))).await,
        };
        self.outward.send(Box::new(head as Result<Response<()>, Status>)).await?;
        while let Some(message) = messages.next().await {
            let failed = message.is_err();
            if let Ok(message) = &message {
                self.cross(&**message).await;
            }
            self.outward.send(Box::new(message as Result<BoxMessage, Status>)).await?;
            if failed {
                return Ok(());
            }
        }
        self.outward.send(Box::new(())).await
    }
}

/// A caller that dies closes what it sends before what it receives, but both within this.
const PARTING: Duration = Duration::from_millis(1);

/// The caller's messages. A stream that breaks off because the caller went away ends in an error, not as if it were
/// complete. It must not hold the sender: a handler may keep it longer than the call lasts.
fn incoming(body: BoxMessage, rx: Incoming, outward: Weak<Outward>, clock: Clock) -> BoxMessageStream {
    if !body.is::<()>() {
        return stream::once(ready(Ok(body))).boxed();
    }
    let is_gone = async move {
        match outward.upgrade() {
            Some(outward) => clock.timeout(PARTING, outward.caller_is_gone()).await.is_ok(),
            None => true,
        }
    };
    let ending = stream::once(is_gone)
        .filter_map(|gone| ready(gone.then(|| Err(Status::cancelled("the caller went away")))));
    let messages: BoxStream<'static, Result<BoxMessage, Status>> =
        rx.map(|received| received.map_err(|Broken| Status::unavailable("the connection broke"))).boxed();
    messages.chain(ending).boxed()
}

fn late(deadline: Duration) -> Status {
    Status::deadline_exceeded(format!("no answer within {deadline:?}"))
}

/// The generated code of madsim-tonic calls an unknown method an invalid argument; real tonic calls it unimplemented.
fn unknown_method(status: Status, path: &PathAndQuery) -> Status {
    if status.code() == Code::InvalidArgument && status.message() == format!("no path: {path}") {
        return unimplemented(path.path());
    }
    status
}
