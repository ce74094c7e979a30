//! The node's gRPC services: peers, proxies, and whoever asks for its status.

use std::{pin::Pin, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::{
    backups::Backups,
    config::Config,
    event::{Answer, Event, Stage},
    links::{Heard, Links},
    reads::Caller,
    receiving::Receiving,
    refusals::Refusals,
    reply::{self, ReplyReceiver},
    view::NodeView,
};
use crate::{
    env::{Buggify, Clock, Environment, Health, buggify_pause},
    raft::{ClusterId, Configuration, Message, NodeId, Origin, StreamId},
    rpc::{self, Role, link::Watched},
    wire::{
        self, Malformed, WithLimits,
        pb::{
            etcdserverpb::SnapshotResponse,
            v1::{self, snapshot_piece::Piece},
        },
    },
};

/// Messages or requests in one batch; our own senders put far fewer into one (`rpc::outbox`).
const BATCH_ITEMS_MAX: usize = 4096;
/// Longest address of a node: a host name has at most 253 bytes.
const ADDRESS_BYTES_MAX: usize = 300;
/// Longest foreign name that a refusal repeats.
const NAME_SHOWN_CHARS_MAX: usize = 64;

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Members, and who wants to be one.
const NODES: &[Role] = &[Role::Node];
/// Clients and operators ask through them.
const PROXIES: &[Role] = &[Role::Proxy];
/// Proxies show it to clients.
const STATUS_READERS: &[Role] = &[Role::Node, Role::Proxy, Role::Operator];

/// So long a backup waits for the node to know what is committed, and to have applied it.
const BARRIER_PATIENCE: Duration = Duration::from_secs(3);

/// All services of a node.
#[derive(Clone)]
pub(super) struct Services {
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) links: Links,
    pub(super) view: watch::Receiver<NodeView>,
    pub(super) refusals: Refusals,
    pub(super) health: Health,
    pub(super) backups: Backups,
}

impl Services {
    pub(super) fn new(
        config: &Config,
        environment: &Environment,
        events: &mpsc::Sender<Event>,
        links: &Links,
        view: watch::Receiver<NodeView>,
        refusals: &Refusals,
        backups: Backups,
    ) -> Self {
        Self {
            config: config.clone(),
            clock: environment.clock.clone(),
            events: events.clone(),
            links: links.clone(),
            view,
            refusals: refusals.clone(),
            health: environment.health.clone(),
            backups,
        }
    }

    /// Ready to be bound.
    pub(super) fn server(self) -> rpc::Server {
        let health = self.health.clone();
        rpc::Server::new(&self.clock, &self.config.security, self.config.server_limits)
            .add(NODES, v1::peer_server::PeerServer::new(self.clone()).with_limits())
            .add(PROXIES, v1::node_server::NodeServer::new(self.clone()).with_limits())
            .add(PROXIES, v1::backup_server::BackupServer::new(self.clone()).with_limits())
            .add(PROXIES, v1::admin_server::AdminServer::new(self.clone()).with_limits())
            .add(STATUS_READERS, v1::status_server::StatusServer::new(self))
            .add_health(&health)
    }

    /// Refuses what is meant for another cluster.
    fn check_cluster(&self, named: &str) -> Result<(), Status> {
        if named == self.config.cluster {
            return Ok(());
        }
        let named: String = named.chars().take(NAME_SHOWN_CHARS_MAX).collect();
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

    /// Lets through what an operator asks of this cluster. While a node does not know which it belongs to it hears whoever may be
    /// right, for how else would it come to know; but it answers for no cluster.
    fn check_asked(&self, cluster: &str, id: ClusterId) -> Result<(), Status> {
        self.check_cluster(cluster)?;
        match (id, self.cluster_id()) {
            (0, _) => Err(Status::unavailable("which cluster is meant is not known yet")),
            (_, 0) => Err(Status::unavailable("this node does not know yet which cluster it belongs to")),
            _ => self.check_cluster_id(0, id),
        }
    }

    /// The cluster that this node surely belongs to; 0 while it does not know.
    fn cluster_id(&self) -> ClusterId {
        self.view.borrow().origin.certain_cluster()
    }

    /// Lets a node speak that says who it is; not one of another cluster, nor one that has lost its disk.
    fn admit(&self, sender: &v1::Sender, heard: Heard) -> Result<(), Status> {
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
        self.check_address(sender.id, &sender.address)?;
        self.hear_from(sender, heard);
        Ok(())
    }

    /// A node that is no member can be answered as long as there are not too many of them.
    fn hear_from(&self, sender: &v1::Sender, heard: Heard) {
        if !self.links.heard_from(sender, heard) {
            let why = "it is no member, and there are links to as many others already: it is not answered";
            self.refusals.note("stranger", sender.id, why);
        }
    }

    /// A node hears from who calls it where it is reached.
    fn hear_of_own_address(&self, from: NodeId, address: &str) -> Result<(), Status> {
        self.check_address(from, address)?;
        if !address.is_empty() {
            self.links.are_answered_at(address);
        }
        Ok(())
    }

    fn check_address(&self, from: NodeId, address: &str) -> Result<(), Status> {
        if address.len() > ADDRESS_BYTES_MAX {
            return Err(self.malformed(from, Malformed("an address that is too long")));
        }
        match address.is_empty() || rpc::check_address(address).is_ok() {
            true => Ok(()),
            false => Err(self.malformed(from, Malformed("an address that is none"))),
        }
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

    /// Refuses who speaks as another node than its certificate is for.
    fn check_caller(&self, caller: &rpc::Caller, from: NodeId) -> Result<(), Status> {
        let checked = caller.check_node(from);
        checked.inspect_err(|status| self.refusals.note("other_certificate", from, status.message()))
    }

    fn decode_all(&self, sender: NodeId, messages: Vec<v1::RaftMessage>) -> Result<Vec<Message>, Status> {
        self.check_count(sender, messages.len())?;
        messages.into_iter().map(|message| self.refusals.decode(sender, message)).collect()
    }

    fn check_count(&self, sender: NodeId, items: usize) -> Result<(), Status> {
        match items {
            0..=BATCH_ITEMS_MAX => Ok(()),
            _ => Err(self.malformed(sender, Malformed("a batch of too many messages"))),
        }
    }

    fn malformed(&self, from: NodeId, malformed: Malformed) -> Status {
        self.refusals.malformed(from, malformed)
    }

    async fn send(&self, event: Event) -> Result<(), Status> {
        buggify_pause(Buggify::SlowInputs, &self.clock).await;
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
        let caller = rpc::Caller::of(&request);
        let v1::SnapshotPiece { cluster, origin, from, to, term, stream, last, piece } = request.into_inner();
        self.check_cluster(&cluster)?;
        self.check_caller(&caller, from)?;
        self.check_cluster_id(from, origin.map_or(0, |origin| origin.cluster))?;
        self.check_receiver(from, to)?;
        let last = wire::position_from_pb(last)?;
        let records = match piece {
            None => return Err(self.malformed(from, Malformed("an empty piece of a snapshot"))),
            Some(Piece::End(message)) => {
                let message = self.refusals.decode(from, message)?;
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
        let caller = rpc::Caller::of(&request);
        let mut envelopes = Watched::new(request.into_inner(), self.clock.clone());
        let services = self.clone();
        let signs = async_stream::try_stream! {
            let mut sender: Option<v1::Sender> = None;
            while let Some(envelope) = envelopes.next().await? {
                services.check_cluster(&envelope.cluster)?;
                let from = envelope.sender.as_ref().or(sender.as_ref()).map_or(0, |sender| sender.id);
                services.check_receiver(from, envelope.to)?;
                let heard = if envelope.messages.is_empty() { Heard::Greeting } else { Heard::Messages };
                match (envelope.sender, &sender) {
                    (Some(introduced), _) if introduced.id != 0 => {
                        services.check_caller(&caller, introduced.id)?;
                        services.admit(&introduced, heard)?;
                        services.hear_of_own_address(introduced.id, &envelope.to_address)?;
                        sender = Some(introduced);
                    }
                    // It may have been removed just now, and be a leader who waits to hear that this has arrived.
                    (None, Some(known)) => services.hear_from(known, heard),
                    _ => Err(services.malformed(0, Malformed("a stream begins with who speaks on it")))?,
                }
                if envelope.messages.is_empty() {
                    yield v1::Alive { removed: services.links.word_for(from).map(Into::into) };
                    continue;
                }
                let messages = services.decode_all(from, envelope.messages)?;
                services.send(Event::Messages(messages)).await?;
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
                services.check_count(0, batch.requests.len())?;
                replies.await_room(&services.clock).await;
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
        Ok(Response::new(Box::pin(outgoing(Receiving::start(receiving), outgoing_rx))))
    }
}

/// The stream back to a proxy, which lasts as long as the proxy's requests are received.
fn outgoing(
    mut receiving: Receiving,
    mut replies: ReplyReceiver,
) -> impl Stream<Item = Result<v1::ReplyBatch, Status>> + Send {
    async_stream::try_stream! {
        loop {
            let next = tokio::select! { biased;
                ended = receiving.ended() => ended.map(|()| None),
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
        self.check_asked(&request.cluster, request.cluster_id)?;
        self.ask(|answer| Event::ChangeMembers(request, answer)).await
    }

    async fn transfer(
        &self,
        request: Request<v1::TransferRequest>,
    ) -> Result<Response<v1::TransferResponse>, Status> {
        let request = request.into_inner();
        self.check_asked(&request.cluster, request.cluster_id)?;
        self.ask(|answer| Event::Transfer(request, answer)).await
    }
}

#[tonic::async_trait]
impl v1::backup_server::Backup for Services {
    type TakeStream = BoxStream<SnapshotResponse>;

    async fn take(&self, request: Request<v1::BackupRequest>) -> Result<Response<Self::TakeStream>, Status> {
        let request = request.into_inner();
        self.check_cluster(&request.cluster)?;
        self.check_cluster_id(0, request.cluster_id)?;
        let place = self.backups.place()?;
        let barrier = self.ask(Event::ReadBarrier);
        let index = self.clock.timeout(BARRIER_PATIENCE, barrier).await.map_err(|_| {
            Status::unavailable(
                "this node cannot tell yet what is committed, or has not applied it: ask another",
            )
        })??;
        // A node that has just been founded knows its cluster by now.
        self.check_cluster_id(0, request.cluster_id)?;
        Ok(Response::new(Box::pin(self.backups.begin(index.into_inner(), place).await?)))
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
