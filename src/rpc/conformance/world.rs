//! Where a story takes place: a server that runs the toy services, and a client beside it.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    sync::{mpsc::UnboundedReceiver, oneshot},
    time::timeout,
};

use super::toy::{Event, Toy};
use crate::{
    env::Clock,
    rpc::{self, Channel, RpcError, SHUTDOWN_GRACE, Security, Server, ServerLimits, Target},
    wire::{
        WithLimits,
        pb::{
            etcdserverpb::kv_server::KvServer,
            v1::{node_server::NodeServer, peer_server::PeerServer},
        },
    },
};

/// A true clock: how far it is from 1970 matters to nobody here.
pub(super) fn clock() -> Clock {
    Clock::new(Duration::ZERO)
}

/// Longer than any story takes, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Seeds of the simulated network that every story is told on.
#[cfg(madsim)]
const SEEDS: std::ops::Range<u64> = 0..8;

pub(super) struct World {
    pub(super) address: String,
    pub(super) stop: oneshot::Sender<()>,
    pub(super) served: oneshot::Receiver<Result<(), RpcError>>,
    events: UnboundedReceiver<Event>,
}

impl World {
    pub(super) async fn channel(&self) -> Channel {
        rpc::connect(&Target::open(&self.address), &clock()).await.expect("the server listens")
    }

    /// The next thing that happens to a handler.
    pub(super) async fn event(&mut self) -> Event {
        self.events.recv().await.expect("the server keeps its toy")
    }
}

/// Serves the toys, all but `Status`.
async fn host(
    address: SocketAddr,
    toy: Toy,
    ready: oneshot::Sender<SocketAddr>,
    stop: oneshot::Receiver<()>,
    served: oneshot::Sender<Result<(), RpcError>>,
) {
    let server = Server::new(&clock(), &Security::default(), ServerLimits::default())
        .add(&[], KvServer::new(toy.clone()).with_limits())
        .add(&[], PeerServer::new(toy.clone()).with_limits())
        .add(&[], NodeServer::new(toy).with_limits());
    let bound = server.bind(address).await.expect("port 0 is always free");
    ready.send(bound.local_addr()).expect("the story waits for the address");
    let stopped = async {
        if stop.await.is_err() {
            std::future::pending().await
        }
    };
    let outcome = bound.serve(stopped, SHUTDOWN_GRACE).await;
    let _ = served.send(outcome);
}

/// Sets the scene: `spawn` starts the server.
pub(super) async fn scene(address: &str, spawn: impl FnOnce(Hosting)) -> World {
    let (toy, events) = Toy::new();
    let (ready, is_ready) = oneshot::channel();
    let (stop, stopped) = oneshot::channel();
    let (serving, served) = oneshot::channel();
    let address = address.parse().expect("a literal address");
    spawn(Box::pin(host(address, toy, ready, stopped, serving)));
    let address = is_ready.await.expect("the server binds").to_string();
    World { address, stop, served, events }
}

pub(super) type Hosting = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells a story over real tonic on the loopback interface.
#[cfg(not(madsim))]
pub(super) fn tell<F: Future<Output = ()> + Send + 'static>(story: impl Fn(World) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let world = scene("127.0.0.1:0", |hosting| drop(tokio::spawn(hosting))).await;
        timeout(PATIENCE, story(world)).await.expect("the story comes to its end");
    });
}

/// Tells a story in simulation, server and client on nodes of their own, once for every seed.
#[cfg(madsim)]
pub(super) fn tell<F: Future<Output = ()> + Send + 'static>(story: impl Fn(World) -> F) {
    for seed in SEEDS {
        let runtime = madsim::runtime::Runtime::with_seed_and_config(seed, madsim::Config::default());
        runtime.add_simulator::<rpc::Lines>();
        let server = runtime.create_node().ip([10, 0, 0, 1].into()).build();
        let client = runtime.create_node().ip([10, 0, 0, 2].into()).build();
        runtime.block_on(async {
            let world = scene("10.0.0.1:0", |hosting| drop(server.spawn(hosting))).await;
            let told = client.spawn(timeout(PATIENCE, story(world)));
            told.await.expect("the story does not panic").expect("the story comes to its end");
        });
    }
}

/// A caller that connects and never says a word.
#[cfg(not(madsim))]
pub(super) async fn silent_connection(address: &str) -> tokio::net::TcpStream {
    tokio::net::TcpStream::connect(address).await.expect("the server listens")
}

/// A caller that connects and never says a word.
#[cfg(madsim)]
pub(super) async fn silent_connection(address: &str) -> (madsim::net::Sender, madsim::net::Receiver) {
    let address: SocketAddr = address.parse().expect("the server's address");
    let endpoint = madsim::net::Endpoint::connect(address).await.expect("any port is free");
    endpoint.connect1(address).await.expect("the server listens")
}

/// An address that nobody listens on.
#[cfg(not(madsim))]
pub(super) async fn vacant_address() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port 0 is always free");
    listener.local_addr().expect("it is bound").to_string()
}

/// An address that nobody listens on: on the server's node, since a caller's own sockets take low ports on its own.
#[cfg(madsim)]
pub(super) async fn vacant_address() -> String {
    "10.0.0.1:9".into()
}

/// Something that can be killed, so that nothing of it can say goodbye.
#[cfg(not(madsim))]
pub(super) struct Process(tokio::runtime::Runtime);

#[cfg(not(madsim))]
impl Process {
    pub(super) fn start(life: impl Future<Output = ()> + Send + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let process = Self(runtime.expect("a runtime"));
        process.0.spawn(life);
        process
    }

    pub(super) fn kill(self) {
        self.0.shutdown_background();
    }
}

/// Something that can be killed, so that nothing of it can say goodbye.
#[cfg(madsim)]
pub(super) struct Process(madsim::task::NodeId);

#[cfg(madsim)]
impl Process {
    pub(super) fn start(life: impl Future<Output = ()> + Send + 'static) -> Self {
        let node = madsim::runtime::Handle::current().create_node().ip([10, 0, 0, 3].into()).build();
        drop(node.spawn(life));
        Self(node.id())
    }

    pub(super) fn kill(self) {
        madsim::runtime::Handle::current().kill(self.0);
    }
}
