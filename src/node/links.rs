//! One long-lived stream to every peer, fed from a bounded queue. What does not fit is dropped: Raft recovers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::{Mutex, mpsc};
use tonic::Status;

use super::Config;
use crate::{
    clock::Clock,
    raft::{Message, NodeId},
    rpc::{self, WithLimits, pb::v1},
};

/// Batches of messages that may wait for a peer. A peer that lags further behind learns by probing anyway.
const QUEUE_LENGTH: usize = 256;
/// Messages in one envelope.
const ENVELOPE_MESSAGES_MAX: usize = 128;
/// A silent link asks for a sign of life this often.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// A link without a sign of life for this long is dead, whatever the transport still believes.
pub(super) const SILENCE_MAX: Duration = Duration::from_millis(1000);
/// Pause before a lost link is tried again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// The links to all peers. Cheap to clone.
#[derive(Clone)]
pub(super) struct Links(Arc<BTreeMap<NodeId, mpsc::Sender<Vec<Message>>>>);

type Queue = Arc<Mutex<mpsc::Receiver<Vec<Message>>>>;

impl Links {
    pub(super) fn start(config: &Config, clock: &Clock) -> Self {
        let others = config.peers.iter().filter(|&(&id, _)| id != config.id);
        let queues = others.map(|(&id, address)| {
            let (sender, queue) = mpsc::channel(QUEUE_LENGTH);
            let link = Link {
                cluster: config.cluster.clone(),
                peer: id,
                address: address.clone(),
                queue: Arc::new(Mutex::new(queue)),
                clock: clock.clone(),
            };
            tokio::spawn(link.run());
            (id, sender)
        });
        Self(Arc::new(queues.collect()))
    }

    /// Sends each message to the peer it names, in order.
    pub(super) fn send(&self, messages: Vec<Message>) {
        let mut by_peer: BTreeMap<NodeId, Vec<Message>> = BTreeMap::new();
        for message in messages {
            by_peer.entry(message.to).or_default().push(message);
        }
        for (peer, messages) in by_peer {
            if let Some(queue) = self.0.get(&peer) {
                let _ = queue.try_send(messages);
            }
        }
    }
}

struct Link {
    cluster: String,
    peer: NodeId,
    address: String,
    queue: Queue,
    clock: Clock,
}

impl Link {
    /// Connects, and connects again, as long as the node lives.
    async fn run(self) {
        loop {
            let Err(status) = self.stream().await;
            tracing::debug!(peer = self.peer, address = self.address, %status, "link is down");
            self.clock.sleep(RECONNECT_PAUSE).await;
            self.forget_waiting().await;
        }
    }

    async fn stream(&self) -> Result<std::convert::Infallible, Status> {
        let channel =
            rpc::connect(&self.address).await.map_err(|error| Status::unavailable(error.to_string()))?;
        let mut client = v1::peer_client::PeerClient::new(channel).with_limits();
        let envelopes = envelopes(self.cluster.clone(), self.queue.clone(), self.clock.clone());
        let opening = client.send(envelopes);
        let mut signs = self.within_silence(opening).await??.into_inner();
        tracing::debug!(peer = self.peer, address = self.address, "link is up");
        loop {
            if self.within_silence(signs.message()).await??.is_none() {
                return Err(Status::unavailable("the peer closed the stream"));
            }
        }
    }

    async fn within_silence<T>(&self, sign: impl Future<Output = T>) -> Result<T, Status> {
        let span = self.clock.true_span(SILENCE_MAX);
        tokio::time::timeout(span, sign).await.map_err(|_| Status::deadline_exceeded("no sign of life"))
    }

    /// What waited while there was no link is stale by now.
    async fn forget_waiting(&self) {
        let mut queue = self.queue.lock().await;
        while queue.try_recv().is_ok() {}
    }
}

/// The stream to a peer: what waits leaves together, and silence turns into a question.
fn envelopes(
    cluster: String,
    queue: Queue,
    clock: Clock,
) -> impl tokio_stream::Stream<Item = v1::Envelope> + Send + 'static {
    async_stream::stream! {
        let mut queue = queue.lock_owned().await;
        yield v1::Envelope { cluster: cluster.clone(), messages: Vec::new(), sender: None };
        let mut probe_at = tokio::time::Instant::now() + clock.true_span(PROBE_INTERVAL);
        let mut batch = Vec::new();
        loop {
            let received = tokio::select! { biased;
                () = tokio::time::sleep_until(probe_at) => None,
                count = queue.recv_many(&mut batch, ENVELOPE_MESSAGES_MAX) => Some(count),
            };
            match received {
                Some(0) => return,
                Some(_) => {}
                None => probe_at = tokio::time::Instant::now() + clock.true_span(PROBE_INTERVAL),
            }
            let messages = batch.drain(..).flatten().map(Into::into).collect();
            yield v1::Envelope { cluster: cluster.clone(), messages, sender: None };
        }
    }
}
