//! The node's gRPC face: peers, proxies, and whoever asks for its status.

use std::{pin::Pin, time::Duration};

use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::{
    Config,
    event_loop::Event,
    links::SILENCE_MAX,
    reply::{self, ReplyReceiver},
    wire,
};
use crate::{
    kv::Header,
    raft::{Index, Message, NodeId, Raft, RoleName, Term},
    rpc::{self, RpcError, WithLimits, pb::v1},
};

/// Replies in one batch: what gathers while the stream is busy.
const REPLIES_PER_BATCH_MAX: usize = 1024;
/// Envelopes whose signs of life wait to be sent.
const SIGNS_QUEUE_LENGTH: usize = 4;

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What the event loop publishes after every round.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    role: Option<RoleName>,
    is_learner: bool,
    term: Term,
    leader: Option<NodeId>,
    last: Index,
    commit: Index,
    header: Header,
}

impl Snapshot {
    pub(super) fn of(core: &Raft, header: &Header) -> Self {
        let leader = core.leader();
        Self {
            role: Some(core.role()),
            is_learner: core.configuration().learners.contains(&core.id()),
            term: core.term(),
            leader,
            last: core.last().index,
            commit: core.commit(),
            header: header.clone(),
        }
    }

    /// Whether proxies should hear of it: only who leads matters to them.
    pub(super) fn differs_to_proxies(&self, other: &Self) -> bool {
        (self.term, self.leader) != (other.term, other.leader)
    }

    fn leadership(&self, node: NodeId) -> v1::Leadership {
        v1::Leadership { term: self.term, leader: self.leader.unwrap_or(0), node }
    }
}

/// All services of a node, ready to be bound.
pub(super) fn server(
    config: &Config,
    events: mpsc::Sender<Event>,
    status: watch::Receiver<Snapshot>,
) -> rpc::Server {
    let face = Face { config: config.clone(), events, status };
    rpc::Server::new()
        .add(v1::peer_server::PeerServer::new(face.clone()).with_limits())
        .add(v1::node_server::NodeServer::new(face.clone()).with_limits())
        .add(v1::status_server::StatusServer::new(face))
}

#[derive(Clone)]
struct Face {
    config: Config,
    events: mpsc::Sender<Event>,
    status: watch::Receiver<Snapshot>,
}

impl Face {
    fn check_cluster(&self, named: &str) -> Result<(), Status> {
        if named == self.config.cluster {
            return Ok(());
        }
        let own = &self.config.cluster;
        Err(Status::failed_precondition(format!(
            "this is cluster {own:?}, not {named:?}: check the addresses"
        )))
    }

    async fn send(&self, event: Event) -> Result<(), Status> {
        self.events.send(event).await.map_err(|_| Status::unavailable("the node is stopping"))
    }
}

/// The next message of a stream; a stream silent for too long is given up.
async fn next_within<T: Send + 'static>(
    stream: &mut Streaming<T>,
    silence: Duration,
) -> Result<Option<T>, Status> {
    tokio::time::timeout(silence, stream.message())
        .await
        .map_err(|_| Status::deadline_exceeded("no sign of life"))?
}

#[tonic::async_trait]
impl v1::peer_server::Peer for Face {
    type SendStream = BoxStream<v1::Alive>;

    async fn send(
        &self,
        request: Request<Streaming<v1::Envelope>>,
    ) -> Result<Response<Self::SendStream>, Status> {
        let mut envelopes = request.into_inner();
        let face = self.clone();
        let signs = async_stream::try_stream! {
            while let Some(envelope) = next_within(&mut envelopes, SILENCE_MAX).await? {
                face.check_cluster(&envelope.cluster)?;
                if envelope.messages.is_empty() {
                    yield v1::Alive {};
                    continue;
                }
                let messages = envelope.messages.into_iter().map(Message::try_from);
                let messages: Result<Vec<Message>, RpcError> = messages.collect();
                let messages = messages.map_err(|error| Status::invalid_argument(error.to_string()))?;
                face.send(Event::Messages(messages)).await?;
            }
        };
        Ok(Response::new(Box::pin(signs)))
    }
}

#[tonic::async_trait]
impl v1::node_server::Node for Face {
    type SessionStream = BoxStream<v1::ReplyBatch>;

    async fn session(
        &self,
        request: Request<Streaming<v1::RequestBatch>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut batches = request.into_inner();
        let face = self.clone();
        let (replies_tx, replies_rx) = reply::channel();
        let (signs_tx, signs_rx) = mpsc::channel(SIGNS_QUEUE_LENGTH);
        let receiving = async move {
            while let Some(batch) = next_within(&mut batches, SILENCE_MAX).await? {
                face.check_cluster(&batch.cluster)?;
                match batch.requests.is_empty() {
                    true => _ = signs_tx.try_send(()),
                    false => face.send(Event::Requests(replies_tx.clone(), batch.requests)).await?,
                }
            }
            Ok(())
        };
        let replies = replies(self.config.id, receiving, replies_rx, signs_rx, self.status.clone());
        Ok(Response::new(Box::pin(replies)))
    }
}

/// The stream back to a proxy: leadership first and whenever it changes, replies in batches, signs of life on demand.
fn replies(
    node: NodeId,
    receiving: impl Future<Output = Result<(), Status>> + Send + 'static,
    mut replies: ReplyReceiver,
    mut signs: mpsc::Receiver<()>,
    mut status: watch::Receiver<Snapshot>,
) -> impl Stream<Item = Result<v1::ReplyBatch, Status>> + Send {
    async_stream::try_stream! {
        let mut receiving = std::pin::pin!(receiving);
        let mut told = status.borrow_and_update().leadership(node);
        yield v1::ReplyBatch { leadership: Some(told), replies: Vec::new() };
        loop {
            let mut batch = v1::ReplyBatch::default();
            let woken = tokio::select! { biased;
                changed = status.changed() => changed.map_err(|_| Status::unavailable("the node is stopping")),
                ended = &mut receiving => ended.and(Err(Status::cancelled("the proxy closed the stream"))),
                Some(()) = signs.recv() => Ok(()),
                _ = replies.recv_many(&mut batch.replies, REPLIES_PER_BATCH_MAX) => Ok(()),
            };
            woken?;
            let latest = status.borrow_and_update().leadership(node);
            if latest != told {
                told = latest;
                batch.leadership = Some(latest);
            }
            yield batch;
        }
    }
}

#[tonic::async_trait]
impl v1::status_server::Status for Face {
    async fn status(&self, _: Request<v1::StatusRequest>) -> Result<Response<v1::StatusResponse>, Status> {
        let snapshot = self.status.borrow().clone();
        let node = v1::NodeStatus {
            id: self.config.id,
            address: self.config.peers.get(&self.config.id).cloned().unwrap_or_default(),
            reachable: true,
            role: wire::role_to_pb(snapshot.role, snapshot.is_learner).into(),
            term: snapshot.term,
            leader: snapshot.leader.unwrap_or(0),
            last_index: snapshot.last,
            commit_index: snapshot.commit,
            applied_index: snapshot.header.applied_index,
            state_hash: snapshot.header.state_hash(),
            revision: snapshot.header.revision,
            priority: self.config.priority,
        };
        let response =
            v1::StatusResponse { cluster: self.config.cluster.clone(), nodes: vec![node], proxy: None };
        Ok(Response::new(response))
    }
}
