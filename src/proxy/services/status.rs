//! The cluster as this proxy sees it: every node is asked, together.

use std::time::Duration;

use bytes::Bytes;
use tokio::{sync::watch, task::JoinHandle};
use tonic::{Request, Response, Status};

use crate::{
    env::Clock,
    proxy::{
        call_queue::time_for, config::Config, core::KnownNode, metrics::Method, view::View, watched::Watcher,
    },
    rpc::{self, Target},
    wire::pb::v1,
};

/// A node that has not answered by then is shown as unreachable.
const NODE_PATIENCE: Duration = Duration::from_millis(800);

pub(super) struct StatusService {
    config: Config,
    clock: Clock,
    view: watch::Receiver<View>,
    watcher: Watcher,
}

impl StatusService {
    pub(super) fn new(config: &Config, clock: &Clock, view: watch::Receiver<View>, watcher: Watcher) -> Self {
        Self { config: config.clone(), clock: clock.clone(), view, watcher }
    }
}

#[tonic::async_trait]
impl v1::status_server::Status for StatusService {
    async fn status(
        &self,
        request: Request<v1::StatusRequest>,
    ) -> Result<Response<v1::StatusResponse>, Status> {
        let watched = self.watcher.begin(Method::Status, &request, &Bytes::new());
        watched.end(self.ask_all(time_for(&request, NODE_PATIENCE)).await)
    }
}

impl StatusService {
    async fn ask_all(&self, time: Duration) -> Result<Response<v1::StatusResponse>, Status> {
        let view = self.view.borrow().clone();
        let ask = |node: KnownNode| {
            let target = self.config.node_at(&node.address);
            tokio::spawn(ask(node, target, time, self.clock.clone()))
        };
        let asked: Vec<JoinHandle<v1::NodeStatus>> = view.nodes.into_iter().map(ask).collect();
        let mut nodes = Vec::new();
        for asking in asked {
            nodes.push(asking.await.map_err(|error| Status::internal(error.to_string()))?);
        }
        let proxy = v1::ProxyStatus {
            address: self.config.listen.to_string(),
            session: view.session,
            outstanding: view.outstanding as u64,
        };
        let cluster = self.config.cluster.clone();
        let cluster_id = view.cluster_id;
        Ok(Response::new(v1::StatusResponse { cluster, cluster_id, nodes, proxy: Some(proxy) }))
    }
}

/// What a node says of itself, or that it does not answer.
async fn ask(
    KnownNode { id, address, .. }: KnownNode,
    target: Target,
    time: Duration,
    clock: Clock,
) -> v1::NodeStatus {
    match clock.timeout(time, ask_node(&target, time, &clock)).await {
        Ok(Ok(Some(node))) => v1::NodeStatus { address, ..node },
        _ => v1::NodeStatus { id: id.unwrap_or_default(), address, ..Default::default() },
    }
}

async fn ask_node(target: &Target, time: Duration, clock: &Clock) -> Result<Option<v1::NodeStatus>, Status> {
    let channel =
        rpc::connect(target, clock).await.map_err(|error| Status::unavailable(error.to_string()))?;
    let mut client = v1::status_client::StatusClient::new(channel);
    let request = rpc::with_deadline(Request::new(v1::StatusRequest {}), time);
    Ok(client.status(request).await?.into_inner().nodes.into_iter().next())
}
