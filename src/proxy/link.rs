//! One long-lived stream to a node, carrying batches both ways.

use std::sync::Arc;

use prost::Message as _;
use tokio::sync::mpsc;
use tonic::Response;

use crate::{
    env::Environment,
    rpc::{
        Channel,
        link::{Link, LinkEvent, LinkOptions, MessageStream, Opening, Protocol},
        outbox,
    },
    wire::{WithLimits, pb::v1},
};

/// What a link tells the router, with the link's number.
pub(super) type News = (usize, LinkEvent<v1::Request, v1::ReplyBatch>);

/// Where the router leaves requests for a node.
#[derive(Debug)]
pub(super) struct Outbox(pub(super) outbox::Outbox<v1::Request>);

impl Outbox {
    /// Leaves a request. False: the stream has ended.
    pub(super) fn send(&self, request: v1::Request) -> bool {
        let bytes = request.encoded_len();
        // The router bounds what is outstanding.
        self.0.push_always(request, bytes).is_ok()
    }
}

/// Starts links.
pub(super) struct Dialer {
    pub(super) cluster: String,
    pub(super) environment: Environment,
    pub(super) news: mpsc::UnboundedSender<News>,
}

impl Dialer {
    /// Starts a link, which connects and connects again as long as it is not dropped and the router lives.
    pub(super) fn start(&self, number: usize, address: &str) -> Link {
        let protocol = NodeProtocol { number, cluster: self.cluster.clone(), news: self.news.clone() };
        let options = LinkOptions {
            address: address.to_owned(),
            outbox_bytes_max: usize::MAX,
            reconnects: true,
            clock: self.environment.clock.clone(),
            random: self.environment.random(&format!("link {number}")),
        };
        Link::start(Arc::new(protocol), options)
    }
}

/// Requests and replies in batches.
struct NodeProtocol {
    number: usize,
    cluster: String,
    news: mpsc::UnboundedSender<News>,
}

impl Protocol for NodeProtocol {
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
        v1::RequestBatch { cluster: self.cluster.clone(), requests }
    }

    fn on_event(&self, event: LinkEvent<v1::Request, v1::ReplyBatch>) -> bool {
        self.news.send((self.number, event)).is_ok()
    }
}
