//! The node's gRPC services: peers, proxies, and whoever asks for its status.

use std::pin::Pin;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::{
    config::Config,
    event::{Answer, Event, Stage},
    links::Links,
    reads::Caller,
    refusals::Refusals,
    reply::{self, ReplyReceiver},
    view::NodeView,
};
use crate::{
    env::Clock,
    raft::{ClusterId, Configuration, Message, NodeId, Origin, StreamId},
    rpc::{self, link::Watched},
    wire::{
        self, Malformed, WithLimits,
        pb::v1::{self, snapshot_piece::Piece},
    },
};

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// All services of a node.
#[derive(Clone)]
pub(super) struct Services {
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) links: Links,
    pub(super) view: watch::Receiver<NodeView>,
    pub(super) refusals: Refusals,
}

impl Services {
    /// Ready to be bound.
    pub(super) fn server(self) -> rpc::Server {
        rpc::Server::new(&self.clock)
            .add(v1::peer_server::PeerServer::new(self.clone()).with_limits())
            .add(v1::node_server::NodeServer::new(self.clone()).with_limits())
            .add(v1::admin_server::AdminServer::new(self.clone()).with_limits())
            .add(v1::status_server::StatusServer::new(self))
    }

    /// Refuses what is meant for another cluster.
    fn check_cluster(&self, named: &str) -> Result<(), Status> {
        if named == self.config.cluster {
            return Ok(());
        }
        let why = format!("this is cluster {:?}, not {named:?}: check the addresses", self.config.cluster);
        self.refusals.note("other_cluster", 0, &why);
        Err(Status::failed_precondition(why))
    }

    /// Refuses what comes from another cluster of the same name (0: the other side does not know yet).
    fn check_cluster_id(&self, from: NodeId, id: ClusterId) -> Result<(), Status> {
        let own = self.cluster_id();
        if own == 0 || id == 0 || id == own {
            return Ok(());
        }
        let name = &self.config.cluster;
        let why = format!(
            "this is cluster {name:?} with id {own:016x}, not the one of the same name with id {id:016x}: an address is used again, or data was deleted"
        );
        self.refusals.note("other_cluster", from, &why);
        Err(Status::failed_precondition(why))
    }

    /// The cluster that this node surely belongs to; 0 while it does not know.
    fn cluster_id(&self) -> ClusterId {
        self.view.borrow().origin.certain_cluster()
    }

    /// Lets a node speak that says who it is; not one of another cluster, nor one that has lost its disk.
    fn admit(&self, sender: &v1::Sender) -> Result<(), Status> {
        let origin = sender.origin.map(Origin::from).unwrap_or_default();
        self.check_cluster_id(sender.id, origin.certain_cluster())?;
        let recorded = self.view.borrow().configuration.incarnations.get(&sender.id).copied();
        if recorded.is_some_and(|recorded| recorded != origin.incarnation) {
            let id = sender.id;
            let why = format!(
                "node {id} has another data directory than it had: it has lost what it promised. Give it a new id and an empty directory: 'conclave member replace {id} ID=HOST:PORT'"
            );
            self.refusals.note("other_incarnation", id, &why);
            return Err(Status::failed_precondition(why));
        }
        self.links.heard_from(sender);
        Ok(())
    }

    /// Refuses what is meant for another node: addresses were mixed up, or reused.
    fn check_receiver(&self, from: NodeId, to: NodeId) -> Result<(), Status> {
        let own = self.config.id;
        if to == own {
            return Ok(());
        }
        let why = format!("this is node {own}, not node {to} as node {from} believes: check the addresses");
        self.refusals.note("not_for_this_node", from, &why);
        Err(Status::failed_precondition(why))
    }

    /// A message of the core's. What breaks its form never gets there.
    fn decode(&self, message: v1::RaftMessage) -> Result<Message, Malformed> {
        let from = message.from;
        Message::try_from(message).inspect_err(|malformed| self.refusals.note("malformed", from, malformed))
    }

    async fn send(&self, event: Event) -> Result<(), Status> {
        self.events.send(event).await.map_err(|_| stopping())
    }

    /// Where this node is reached.
    fn address(&self, configuration: &Configuration) -> String {
        self.config.address_of(self.config.id, configuration).cloned().unwrap_or_default()
    }

    /// Hands a question to the event loop and waits for the answer.
    async fn ask<T>(&self, question: impl FnOnce(Answer<T>) -> Event) -> Result<Response<T>, Status> {
        let (answer_tx, answer_rx) = oneshot::channel();
        self.send(question(answer_tx)).await?;
        answer_rx.await.map_err(|_| stopping())?.map(Response::new)
    }
}

fn stopping() -> Status {
    Status::unavailable("the node is stopping")
}

#[tonic::async_trait]
impl v1::peer_server::Peer for Services {
    type SendStream = BoxStream<v1::Alive>;

    async fn stage(
        &self,
        request: Request<v1::SnapshotPiece>,
    ) -> Result<Response<v1::SnapshotStaged>, Status> {
        let v1::SnapshotPiece { cluster, origin, from, to, term, stream, last, piece } = request.into_inner();
        self.check_cluster(&cluster)?;
        self.check_cluster_id(from, origin.map_or(0, |origin| origin.cluster))?;
        self.check_receiver(from, to)?;
        let last = wire::position_from_pb(last)?;
        let records = match piece {
            None => return Err(Status::invalid_argument("an empty piece of a snapshot")),
            Some(Piece::End(message)) => {
                let message = self.decode(message)?;
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
        let (stream, piece) = (StreamId { term, number: stream }, Stage { last, records, answer });
        self.send(Event::Piece { from, stream, piece }).await?;
        let place = staged.await.map_err(|_| stopping())?.map_err(Status::aborted)?;
        Ok(Response::new(v1::SnapshotStaged { place: wire::place_to_pb(place.as_ref()) }))
    }

    async fn send(
        &self,
        request: Request<Streaming<v1::Envelope>>,
    ) -> Result<Response<Self::SendStream>, Status> {
        let mut envelopes = Watched::new(request.into_inner(), self.clock.clone());
        let services = self.clone();
        let signs = async_stream::try_stream! {
            let mut sender: Option<v1::Sender> = None;
            while let Some(envelope) = envelopes.next().await? {
                services.check_cluster(&envelope.cluster)?;
                let from = envelope.sender.as_ref().or(sender.as_ref()).map_or(0, |sender| sender.id);
                services.check_receiver(from, envelope.to)?;
                match (envelope.sender, &sender) {
                    (Some(introduced), _) if introduced.id != 0 => {
                        services.admit(&introduced)?;
                        sender = Some(introduced);
                    }
                    // It may have been removed just now, and be a leader who waits to hear that this has arrived.
                    (None, Some(known)) => services.links.heard_from(known),
                    _ => Err(Status::invalid_argument("a stream begins with who speaks on it"))?,
                }
                if envelope.messages.is_empty() {
                    yield v1::Alive {};
                    continue;
                }
                let messages = envelope.messages.into_iter().map(|message| services.decode(message));
                let messages: Result<Vec<Message>, Malformed> = messages.collect();
                services.send(Event::Messages(messages?)).await?;
            }
        };
        Ok(Response::new(Box::pin(signs)))
    }
}

#[tonic::async_trait]
impl v1::node_server::Node for Services {
    type SessionStream = BoxStream<v1::ReplyBatch>;

    async fn session(
        &self,
        request: Request<Streaming<v1::RequestBatch>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut batches = Watched::new(request.into_inner(), self.clock.clone());
        let services = self.clone();
        let opening =
            batches.next().await?.ok_or_else(|| Status::cancelled("the proxy closed the stream"))?;
        services.check_cluster(&opening.cluster)?;
        let (replies, read_replies, outgoing_rx) = reply::channel();
        let (caller, lane) = Caller::new(replies.clone(), read_replies);
        services.send(Event::Joined(replies.clone(), lane)).await?;
        let receiving = async move {
            let mut next = Some(opening);
            while let Some(batch) = next {
                services.check_cluster(&batch.cluster)?;
                match batch.requests.is_empty() {
                    // A proxy of another cluster may listen: that one may have been founded anew, and is this one now.
                    true => replies.alive(),
                    false => {
                        services.check_cluster_id(0, batch.cluster_id)?;
                        services.send(Event::Requests(caller.clone(), batch.requests)).await?;
                    }
                }
                next = batches.next().await?;
            }
            Err(Status::cancelled("the proxy closed the stream"))
        };
        Ok(Response::new(Box::pin(outgoing(receiving, outgoing_rx))))
    }
}

/// The stream back to a proxy, which lasts as long as the proxy's requests are received.
fn outgoing(
    receiving: impl Future<Output = Result<(), Status>> + Send + 'static,
    mut replies: ReplyReceiver,
) -> impl Stream<Item = Result<v1::ReplyBatch, Status>> + Send {
    async_stream::try_stream! {
        let mut receiving = std::pin::pin!(receiving);
        loop {
            let next = tokio::select! { biased;
                ended = &mut receiving => ended.map(|()| None),
                batch = replies.next() => Ok(batch),
            };
            match next? {
                Some(batch) => yield batch,
                None => return,
            }
        }
    }
}

#[tonic::async_trait]
impl v1::admin_server::Admin for Services {
    async fn change_members(
        &self,
        request: Request<v1::ChangeMembersRequest>,
    ) -> Result<Response<v1::ChangeMembersResponse>, Status> {
        let request = request.into_inner();
        self.check_cluster(&request.cluster)?;
        self.check_cluster_id(0, request.cluster_id)?;
        self.ask(|answer| Event::ChangeMembers(request, answer)).await
    }

    async fn transfer(
        &self,
        request: Request<v1::TransferRequest>,
    ) -> Result<Response<v1::TransferResponse>, Status> {
        let request = request.into_inner();
        self.check_cluster(&request.cluster)?;
        self.check_cluster_id(0, request.cluster_id)?;
        self.ask(|answer| Event::Transfer(request, answer)).await
    }
}

#[tonic::async_trait]
impl v1::status_server::Status for Services {
    async fn status(&self, _: Request<v1::StatusRequest>) -> Result<Response<v1::StatusResponse>, Status> {
        let view = self.view.borrow().clone();
        let address = self.address(&view.configuration);
        let node = view.into_status(self.config.id, self.config.priority, address, self.refusals.counts());
        Ok(Response::new(v1::StatusResponse {
            cluster: self.config.cluster.clone(),
            cluster_id: self.cluster_id(),
            nodes: vec![node],
            proxy: None,
        }))
    }
}
