//! One long-lived stream to a node, carrying batches both ways.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use prost::Message as _;
use tokio::sync::mpsc;
use tonic::{Code, Response, Status};

use super::{
    config::Config,
    core::{DownReason, LinkId, SMALL_CALL_BYTES_MAX},
};
use crate::{
    env::Environment,
    rpc::{
        Channel,
        link::{Link, LinkEvent, LinkOptions, MessageStream, Opening, Protocol},
        outbox,
    },
    wire::{
        WithLimits,
        pb::v1::{self, request::Kind},
    },
};

/// What happens on the link of this name.
pub(super) type NodeEvent = (LinkId, LinkEvent<v1::Request, v1::ReplyBatch>);

/// Where the edge leaves requests for a node, while a stream is open.
pub(super) struct Outbox(outbox::Outbox<v1::Request>);

impl From<outbox::Outbox<v1::Request>> for Outbox {
    fn from(outbox: outbox::Outbox<v1::Request>) -> Self {
        Self(outbox)
    }
}

impl Outbox {
    /// Leaves a request; a stream that has just ended swallows it. The core bounds what is under way. Nothing waits behind large
    /// writes, which a slow line takes seconds for. (What calls a read off does not overtake it.)
    pub(super) fn send(&self, request: v1::Request) {
        let bytes = request.encoded_len();
        let is_large_write = bytes > SMALL_CALL_BYTES_MAX && matches!(request.kind, Some(Kind::Write(_)));
        let _ = match is_large_write {
            true => self.0.push_behind(request, bytes),
            false => self.0.push_always(request, bytes),
        };
    }
}

/// Starts links.
pub(super) struct Dialer {
    pub(super) config: Config,
    /// The cluster that the proxy works for; 0 while that is not decided.
    pub(super) cluster_id: Arc<AtomicU64>,
    pub(super) environment: Environment,
    pub(super) events: mpsc::UnboundedSender<NodeEvent>,
}

impl Dialer {
    /// Starts a link, which connects and connects again until it is dropped.
    pub(super) fn start(&self, id: LinkId, address: String) -> Link {
        let protocol = SessionProtocol {
            id,
            cluster: self.config.cluster.clone(),
            cluster_id: self.cluster_id.clone(),
            events: self.events.clone(),
        };
        let random = self.environment.random(&format!("link to {address}"));
        let options = LinkOptions {
            target: self.config.node_at(&address),
            outbox_bytes_max: usize::MAX,
            reconnects: true,
            clock: self.environment.clock.clone(),
            random,
        };
        Link::start(Arc::new(protocol), options)
    }
}

/// Why a stream ended, as the core tells reasons apart.
pub(super) fn down_reason(status: &Status) -> DownReason {
    match status.code() {
        Code::FailedPrecondition => DownReason::Refused(status.message().to_owned()),
        _ => DownReason::Lost,
    }
}

/// Requests and replies in batches.
struct SessionProtocol {
    id: LinkId,
    cluster: String,
    cluster_id: Arc<AtomicU64>,
    events: mpsc::UnboundedSender<NodeEvent>,
}

impl Protocol for SessionProtocol {
    type Item = v1::Request;
    type Outgoing = v1::RequestBatch;
    type Incoming = v1::ReplyBatch;

    fn open(channel: Channel, outgoing: MessageStream<v1::RequestBatch>) -> Opening<v1::ReplyBatch> {
        let mut client = v1::node_client::NodeClient::new(channel).with_limits();
        Box::pin(async move { client.session(outgoing).await.map(Response::into_inner) })
    }

    fn greeting(&self) -> v1::RequestBatch {
        self.batch(Vec::new())
    }

    fn batch(&self, requests: Vec<v1::Request>) -> v1::RequestBatch {
        let cluster_id = self.cluster_id.load(Ordering::Relaxed);
        v1::RequestBatch { cluster: self.cluster.clone(), requests, cluster_id }
    }

    fn on_event(&self, event: LinkEvent<v1::Request, v1::ReplyBatch>) -> bool {
        self.events.send((self.id, event)).is_ok()
    }
}
