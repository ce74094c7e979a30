//! The cluster as this proxy sees it: every node is asked, together.

use std::time::Duration;

use tokio::{sync::watch, task::JoinHandle};
use tonic::{Request, Response, Status};

use super::{Config, router::Face};
use crate::{env::Clock, rpc, wire::pb::v1};

/// A node that has not answered by then is shown as unreachable.
const NODE_PATIENCE: Duration = Duration::from_millis(800);

pub(super) struct StatusService {
    cluster: String,
    address: String,
    clock: Clock,
    face: watch::Receiver<Face>,
}

impl StatusService {
    pub(super) fn new(config: &Config, clock: &Clock, face: watch::Receiver<Face>) -> Self {
        Self {
            cluster: config.cluster.clone(),
            address: config.listen.to_string(),
            clock: clock.clone(),
            face,
        }
    }
}

#[tonic::async_trait]
impl v1::status_server::Status for StatusService {
    async fn status(&self, _: Request<v1::StatusRequest>) -> Result<Response<v1::StatusResponse>, Status> {
        let face = self.face.borrow().clone();
        let asked: Vec<JoinHandle<v1::NodeStatus>> =
            face.nodes.iter().map(|address| tokio::spawn(ask(address.clone(), self.clock.clone()))).collect();
        let mut nodes = Vec::new();
        for asking in asked {
            nodes.push(asking.await.map_err(|error| Status::internal(error.to_string()))?);
        }
        let proxy = v1::ProxyStatus {
            address: self.address.clone(),
            session: face.session,
            outstanding: face.outstanding as u64,
        };
        let cluster = self.cluster.clone();
        Ok(Response::new(v1::StatusResponse { cluster, nodes, proxy: Some(proxy) }))
    }
}

/// What a node says of itself, or that it does not answer.
async fn ask(address: String, clock: Clock) -> v1::NodeStatus {
    let answer = clock.timeout(NODE_PATIENCE, ask_node(&address, &clock)).await;
    let unreachable = v1::NodeStatus { address: address.clone(), ..Default::default() };
    match answer {
        Ok(Ok(Some(node))) => v1::NodeStatus { address, ..node },
        _ => unreachable,
    }
}

async fn ask_node(address: &str, clock: &Clock) -> Result<Option<v1::NodeStatus>, Status> {
    let channel =
        rpc::connect(address, clock).await.map_err(|error| Status::unavailable(error.to_string()))?;
    let mut client = v1::status_client::StatusClient::new(channel);
    let request = rpc::with_deadline(Request::new(v1::StatusRequest {}), NODE_PATIENCE);
    Ok(client.status(request).await?.into_inner().nodes.into_iter().next())
}
