//! The node's gRPC face: peers, proxies, and whoever asks for its status.

use std::{pin::Pin, sync::Arc};

use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::{
    Config,
    applier::Stage,
    event_loop::Event,
    links::Links,
    reply::{self, ReplyReceiver},
};
use crate::{
    env::Clock,
    kv::Header,
    raft::{Configuration, Index, Message, NodeId, Peer, Raft, RoleName, Term},
    rpc::{self, link::Watched},
    wire::{
        self, Malformed, WithLimits,
        pb::v1::{self, snapshot_piece::Piece},
    },
};

/// Replies in one batch: what gathers while the stream is busy.
const REPLIES_PER_BATCH_MAX: usize = 1024;

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What the event loop publishes after every round.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    role: Option<RoleName>,
    configuration: Arc<Configuration>,
    term: Term,
    leader: Option<NodeId>,
    compacted: Index,
    last: Index,
    commit: Index,
    header: Header,
    peers: Vec<Peer>,
}

impl Snapshot {
    pub(super) fn of(core: &Raft, header: &Header, configuration: &Arc<Configuration>) -> Self {
        Self {
            role: Some(core.role()),
            configuration: configuration.clone(),
            term: core.term(),
            leader: core.leader(),
            compacted: core.base().index,
            last: core.last().index,
            commit: core.commit(),
            header: header.clone(),
            peers: core.peers(),
        }
    }
}

/// All services of a node, ready to be bound.
pub(super) fn server(
    config: &Config,
    clock: &Clock,
    events: mpsc::Sender<Event>,
    links: Links,
    status: watch::Receiver<Snapshot>,
) -> rpc::Server {
    let face = Face { config: config.clone(), clock: clock.clone(), events, links, status };
    rpc::Server::new(clock)
        .add(v1::peer_server::PeerServer::new(face.clone()).with_limits())
        .add(v1::node_server::NodeServer::new(face.clone()).with_limits())
        .add(v1::admin_server::AdminServer::new(face.clone()).with_limits())
        .add(v1::status_server::StatusServer::new(face))
}

#[derive(Clone)]
struct Face {
    config: Config,
    clock: Clock,
    events: mpsc::Sender<Event>,
    links: Links,
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
        self.events.send(event).await.map_err(|_| stopping())
    }

    /// Where this node is reached.
    fn address(&self, configuration: &Configuration) -> String {
        let id = &self.config.id;
        self.config.peers.get(id).or_else(|| configuration.addresses.get(id)).cloned().unwrap_or_default()
    }

    /// Hands a question to the event loop and waits for the answer.
    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<Result<T, Status>>) -> Event,
    ) -> Result<Response<T>, Status> {
        let (answer_tx, answer_rx) = oneshot::channel();
        self.send(question(answer_tx)).await?;
        answer_rx.await.map_err(|_| stopping())?.map(Response::new)
    }
}

fn stopping() -> Status {
    Status::unavailable("the node is stopping")
}

#[tonic::async_trait]
impl v1::peer_server::Peer for Face {
    type SendStream = BoxStream<v1::Alive>;

    async fn stage(
        &self,
        request: Request<v1::SnapshotPiece>,
    ) -> Result<Response<v1::SnapshotStaged>, Status> {
        let v1::SnapshotPiece { cluster, term, last, piece } = request.into_inner();
        self.check_cluster(&cluster)?;
        let last = wire::position_from_pb(last)?;
        let records = match piece {
            None => return Err(Status::invalid_argument("an empty piece of a snapshot")),
            Some(Piece::End(message)) => {
                let message = Message::try_from(message)?;
                self.send(Event::Messages(vec![message])).await?;
                return Ok(Response::new(v1::SnapshotStaged { place: None }));
            }
            Some(Piece::Begin(v1::SnapshotBegin {})) => None,
            Some(Piece::Records(v1::SnapshotRecords { after, records })) => {
                let records = records.into_iter().map(TryFrom::try_from).collect::<Result<_, Malformed>>();
                Some((wire::place_from_pb(after)?, records?))
            }
        };
        let (answer, staged) = oneshot::channel();
        self.send(Event::Stage(term, Stage { last, records, answer })).await?;
        let place = staged.await.map_err(|_| stopping())?;
        let place = place.ok_or_else(|| {
            Status::aborted("another snapshot is being received, or there is a later leader")
        })?;
        Ok(Response::new(v1::SnapshotStaged { place: wire::place_to_pb(place.as_ref()) }))
    }

    async fn send(
        &self,
        request: Request<Streaming<v1::Envelope>>,
    ) -> Result<Response<Self::SendStream>, Status> {
        let mut envelopes = Watched::new(request.into_inner(), self.clock.clone());
        let face = self.clone();
        let signs = async_stream::try_stream! {
            let mut sender = None;
            while let Some(envelope) = envelopes.next().await? {
                face.check_cluster(&envelope.cluster)?;
                sender = envelope.sender.or(sender);
                sender.iter().for_each(|sender| face.links.heard_from(sender));
                if envelope.messages.is_empty() {
                    yield v1::Alive {};
                    continue;
                }
                let messages = envelope.messages.into_iter().map(Message::try_from);
                let messages: Result<Vec<Message>, Malformed> = messages.collect();
                face.send(Event::Messages(messages?)).await?;
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
        let mut batches = Watched::new(request.into_inner(), self.clock.clone());
        let face = self.clone();
        let (replies, sayings) = reply::channel();
        face.send(Event::Joined(replies.clone())).await?;
        let receiving = async move {
            while let Some(batch) = batches.next().await? {
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
impl v1::admin_server::Admin for Face {
    async fn change_members(
        &self,
        request: Request<v1::ChangeMembersRequest>,
    ) -> Result<Response<v1::ChangeMembersResponse>, Status> {
        let request = request.into_inner();
        self.check_cluster(&request.cluster)?;
        self.ask(|answer| Event::ChangeMembers(request, answer)).await
    }

    async fn transfer(
        &self,
        request: Request<v1::TransferRequest>,
    ) -> Result<Response<v1::TransferResponse>, Status> {
        let request = request.into_inner();
        self.check_cluster(&request.cluster)?;
        self.ask(|answer| Event::Transfer(request, answer)).await
    }
}

#[tonic::async_trait]
impl v1::status_server::Status for Face {
    async fn status(&self, _: Request<v1::StatusRequest>) -> Result<Response<v1::StatusResponse>, Status> {
        let snapshot = self.status.borrow().clone();
        let node = v1::NodeStatus {
            id: self.config.id,
            address: self.address(&snapshot.configuration),
            reachable: true,
            role: wire::role_to_pb(snapshot.role, snapshot.configuration.is_voter(self.config.id)).into(),
            term: snapshot.term,
            leader: snapshot.leader.unwrap_or(0),
            last_index: snapshot.last,
            commit_index: snapshot.commit,
            applied_index: snapshot.header.applied_index,
            state_hash: snapshot.header.state_hash(),
            revision: snapshot.header.revision,
            priority: self.config.priority,
            compacted_index: snapshot.compacted,
            configuration: Some((&*snapshot.configuration).into()),
            peers: snapshot.peers.into_iter().map(wire::peer_to_pb).collect(),
        };
        let response =
            v1::StatusResponse { cluster: self.config.cluster.clone(), nodes: vec![node], proxy: None };
        Ok(Response::new(response))
    }
}
