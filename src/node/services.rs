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

    async fn stage(&self, _: Request<v1::SnapshotPiece>) -> Result<Response<v1::SnapshotStaged>, Status> {
        Err(Status::unimplemented("later"))
    }

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
        let (replies, sayings) = reply::channel();
        face.send(Event::Joined(replies.clone())).await?;
        let receiving = async move {
            while let Some(batch) = next_within(&mut batches, SILENCE_MAX).await? {
                face.check_cluster(&batch.cluster)?;
                match batch.requests.is_empty() {
                    true => replies.sign(),
                    false => face.send(Event::Requests(replies.clone(), batch.requests)).await?,
                }
            }
            Err(Status::cancelled("the proxy closed the stream"))
        };
        Ok(Response::new(Box::pin(outgoing(receiving, sayings))))
    }
}

/// The stream back to a proxy, which lasts as long as the proxy's requests are received.
fn outgoing(
    receiving: impl Future<Output = Result<(), Status>> + Send + 'static,
    mut sayings: ReplyReceiver,
) -> impl Stream<Item = Result<v1::ReplyBatch, Status>> + Send {
    async_stream::try_stream! {
        let mut receiving = std::pin::pin!(receiving);
        let mut gathered = Vec::new();
        loop {
            let woken = tokio::select! { biased;
                ended = &mut receiving => ended,
                _ = sayings.recv_many(&mut gathered, REPLIES_PER_BATCH_MAX) => Ok(()),
            };
            woken?;
            yield reply::batch(gathered.drain(..));
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
