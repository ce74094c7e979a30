//! What operators ask of the cluster, passed on to the node that leads it.

use std::time::Duration;

use tokio::sync::watch;
use tonic::{Code, Request, Response, Status};

use crate::{
    env::Clock,
    proxy::{call_queue::time_for, config::Config, view::View},
    rpc::{self, Channel},
    wire::{
        CallError, WithLimits, etcd,
        pb::v1::{self, admin_client::AdminClient, admin_server},
    },
};

/// The leader answers at once; what takes longer it is asked again.
const LEADER_PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct AdminService {
    cluster: String,
    clock: Clock,
    view: watch::Receiver<View>,
}

impl AdminService {
    pub(super) fn new(config: &Config, clock: &Clock, view: watch::Receiver<View>) -> Self {
        Self { cluster: config.cluster.clone(), clock: clock.clone(), view }
    }

    /// Where the leader is reached.
    fn leader(&self) -> Result<String, CallError> {
        let view = self.view.borrow();
        let address = view.leader.as_ref().and_then(|leader| leader.address.clone());
        address.ok_or_else(|| CallError::etcd(etcd::NO_LEADER, view.diagnosis.as_str()))
    }

    async fn ask_leader<Q, A>(
        &self,
        time: Duration,
        question: Q,
        asking: impl AsyncFnOnce(AdminClient<Channel>, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<Response<A>, Status> {
        let leader = self.leader()?;
        let asked = self.clock.timeout(time, async {
            let channel =
                rpc::connect(&leader, &self.clock).await.map_err(|error| unavailable(error.to_string()))?;
            let client = AdminClient::new(channel).with_limits();
            asking(client, rpc::with_deadline(Request::new(question), time)).await
        });
        match asked.await {
            Ok(Err(status)) if status.code() == Code::Unavailable => {
                Err(unavailable(status.message()).into())
            }
            Ok(answer) => answer,
            Err(_) => Err(unavailable("the leader does not answer: try again").into()),
        }
    }
}

/// Each request says what is wanted in the end: one that failed is asked again, whatever became of it.
fn unavailable(message: impl Into<String>) -> CallError {
    CallError::other(Code::Unavailable, message)
}

#[tonic::async_trait]
impl admin_server::Admin for AdminService {
    async fn change_members(
        &self,
        request: Request<v1::ChangeMembersRequest>,
    ) -> Result<Response<v1::ChangeMembersResponse>, Status> {
        let time = time_for(&request, LEADER_PATIENCE);
        let cluster_id = self.view.borrow().cluster_id;
        let cluster = self.cluster.clone();
        let request = v1::ChangeMembersRequest { cluster, cluster_id, ..request.into_inner() };
        self.ask_leader(time, request, async |mut client, request| client.change_members(request).await).await
    }

    async fn transfer(
        &self,
        request: Request<v1::TransferRequest>,
    ) -> Result<Response<v1::TransferResponse>, Status> {
        let time = time_for(&request, LEADER_PATIENCE);
        let cluster_id = self.view.borrow().cluster_id;
        let request =
            v1::TransferRequest { cluster: self.cluster.clone(), cluster_id, ..request.into_inner() };
        self.ask_leader(time, request, async |mut client, request| client.transfer(request).await).await
    }
}
