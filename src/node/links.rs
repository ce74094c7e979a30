//! One long-lived stream to every peer, fed from a bounded queue. What does not fit is dropped: Raft recovers.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::{Mutex as AsyncMutex, mpsc},
    task::JoinHandle,
};
use tonic::Status;

use super::config::Config;
use crate::{
    env::Clock,
    raft::{Configuration, Message, NodeId},
    rpc,
    wire::{WithLimits, pb::v1},
};

/// Batches of messages that may wait for a peer. A peer that lags further behind learns by probing anyway.
const QUEUE_LENGTH: usize = 256;
/// Messages in one envelope.
const ENVELOPE_MESSAGES_MAX: usize = 128;
/// A link asks for a sign of life this often.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// A link without a sign of life for this long is dead, whatever the transport still believes.
pub(super) const SILENCE_MAX: Duration = Duration::from_millis(1000);
/// Pause before a lost link is tried again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// The links to all peers. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Links(Arc<Shared>);

struct Shared {
    config: Config,
    clock: Clock,
    lines: Mutex<BTreeMap<NodeId, Line>>,
    /// Where this node is reached, once it knows.
    own_address: Mutex<Option<String>>,
}

/// What leads to a peer.
struct Line {
    address: String,
    /// The peer is no member, and gets one connection.
    is_guest: bool,
    queue: mpsc::Sender<Vec<Message>>,
    linking: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.linking.abort();
    }
}

type Queue = Arc<AsyncMutex<mpsc::Receiver<Vec<Message>>>>;

impl Links {
    pub(super) fn new(config: &Config, clock: &Clock) -> Self {
        Self(Arc::new(Shared {
            config: config.clone(),
            clock: clock.clone(),
            lines: Mutex::default(),
            own_address: Mutex::default(),
        }))
    }

    /// Keeps a link to every member, and to nobody else. What this node was told at its start of where they are goes
    /// before what the configuration says: so a cluster whose addresses have all changed can be started again.
    pub(super) fn follow(&self, configuration: &Configuration) {
        let told = &self.0.config.peers;
        let address = |id| told.get(&id).or_else(|| configuration.addresses.get(&id));
        let mut lines = self.lines();
        lines.retain(|&id, line| {
            configuration.contains(id) && address(id) == Some(&line.address) && !line.is_guest
        });
        for id in configuration.members().filter(|&id| id != self.0.config.id) {
            if let Some(address) = address(id) {
                lines.entry(id).or_insert_with(|| self.line(id, address, false));
            }
        }
        *self.0.own_address.lock().expect("nobody panics with it") = address(self.0.config.id).cloned();
    }

    /// A node says where it is reached. One that is no member (as far as this node knows) gets a link as well, as long
    /// as it is there: a leader that this node does not know yet, or a former member that was not told.
    pub(super) fn heard_from(&self, sender: &v1::MemberAddress) {
        let mut lines = self.lines();
        if lines.get(&sender.id).is_none_or(|line| line.linking.is_finished())
            && sender.id != self.0.config.id
        {
            lines.insert(sender.id, self.line(sender.id, &sender.address, true));
        }
    }

    /// Where a peer is reached.
    pub(super) fn address_of(&self, peer: NodeId) -> Option<String> {
        self.lines().get(&peer).map(|line| line.address.clone())
    }

    /// Sends each message to the peer it names, in order.
    pub(super) fn send(&self, messages: Vec<Message>) {
        let mut by_peer: BTreeMap<NodeId, Vec<Message>> = BTreeMap::new();
        for message in messages {
            by_peer.entry(message.to).or_default().push(message);
        }
        let lines = self.lines();
        for (peer, messages) in by_peer {
            if let Some(line) = lines.get(&peer) {
                let _ = line.queue.try_send(messages);
            }
        }
    }

    fn line(&self, peer: NodeId, address: &str, is_guest: bool) -> Line {
        let (sender, queue) = mpsc::channel(QUEUE_LENGTH);
        let link = Link {
            shared: self.0.clone(),
            peer,
            address: address.to_owned(),
            is_guest,
            queue: Arc::new(AsyncMutex::new(queue)),
        };
        Line { address: address.to_owned(), is_guest, queue: sender, linking: tokio::spawn(link.run()) }
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<NodeId, Line>> {
        self.0.lines.lock().expect("nobody panics with it")
    }
}

struct Link {
    shared: Arc<Shared>,
    peer: NodeId,
    address: String,
    is_guest: bool,
    queue: Queue,
}

impl Link {
    /// Connects, and connects again, as long as the node lives; to a guest only once.
    async fn run(self) {
        loop {
            let Err(status) = Box::pin(self.stream()).await;
            tracing::debug!(peer = self.peer, address = self.address, %status, "link is down");
            if self.is_guest {
                return;
            }
            self.shared.clock.sleep(RECONNECT_PAUSE).await;
            self.forget_waiting().await;
        }
    }

    async fn stream(&self) -> Result<std::convert::Infallible, Status> {
        let channel =
            rpc::connect(&self.address).await.map_err(|error| Status::unavailable(error.to_string()))?;
        let mut client = v1::peer_client::PeerClient::new(channel).with_limits();
        let envelopes = envelopes(self.shared.clone(), self.peer, self.queue.clone());
        let opening = Box::pin(client.send(envelopes));
        let mut signs = self.within_silence(opening).await??.into_inner();
        tracing::debug!(peer = self.peer, address = self.address, "link is up");
        loop {
            if self.within_silence(signs.message()).await??.is_none() {
                return Err(Status::unavailable("the peer closed the stream"));
            }
        }
    }

    async fn within_silence<T>(&self, sign: impl Future<Output = T>) -> Result<T, Status> {
        let span = self.shared.clock.true_span(SILENCE_MAX);
        tokio::time::timeout(span, sign).await.map_err(|_| Status::deadline_exceeded("no sign of life"))
    }

    /// What waited while there was no link is stale by now.
    async fn forget_waiting(&self) {
        let mut queue = self.queue.lock().await;
        while queue.try_recv().is_ok() {}
    }
}

impl Shared {
    /// Who sends, and where it is reached; which also asks for a sign of life.
    fn greeting(&self, to: NodeId) -> v1::Envelope {
        let Config { cluster, id, .. } = &self.config;
        let address = self.own_address.lock().expect("nobody panics with it").clone();
        let sender = address.map(|address| v1::MemberAddress { id: *id, address });
        v1::Envelope { cluster: cluster.clone(), messages: Vec::new(), sender, to }
    }
}

/// The stream to a peer: what waits leaves together. It is greeted again and again: a node may learn where it is reached
/// itself when the link is up already.
fn envelopes(
    shared: Arc<Shared>,
    to: NodeId,
    queue: Queue,
) -> impl tokio_stream::Stream<Item = v1::Envelope> + Send + 'static {
    async_stream::stream! {
        let mut queue = queue.lock_owned().await;
        let mut batch = Vec::new();
        loop {
            yield shared.greeting(to);
            let greet_at = tokio::time::Instant::now() + shared.clock.true_span(PROBE_INTERVAL);
            while let Some(count) = tokio::select! { biased;
                () = tokio::time::sleep_until(greet_at) => None,
                count = queue.recv_many(&mut batch, ENVELOPE_MESSAGES_MAX) => Some(count),
            } {
                if count == 0 {
                    return;
                }
                let messages = batch.drain(..).flatten().map(Into::into).collect();
                yield v1::Envelope { cluster: shared.config.cluster.clone(), messages, sender: None, to };
            }
        }
    }
}
