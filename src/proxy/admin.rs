//! What operators ask of the cluster, passed on to the node that leads it.

use std::time::Duration;

use tokio::sync::watch;
use tonic::{Code, Request, Response, Status};

use super::{Config, router::Face};
use crate::{
    env::Clock,
    rpc::{self, Channel},
    wire::{
        self, WithLimits,
        pb::v1::{self, admin_client::AdminClient, admin_server},
    },
};

/// The leader answers at once; what takes longer it is asked again.
const LEADER_PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct AdminService {
    cluster: String,
    clock: Clock,
    face: watch::Receiver<Face>,
}

impl AdminService {
    pub(super) fn new(config: &Config, clock: &Clock, face: watch::Receiver<Face>) -> Self {
        Self { cluster: config.cluster.clone(), clock: clock.clone(), face }
    }

    async fn ask_leader<Q, A>(
        &self,
        question: Q,
        asking: impl AsyncFnOnce(AdminClient<Channel>, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<Response<A>, Status> {
        let unavailable = |message: String| wire::did_not_happen(Code::Unavailable, message);
        let leader = self.face.borrow().leader.clone();
        let leader = leader.ok_or_else(|| unavailable("no leader is known: try again".to_owned()))?;
        let asked = self.clock.timeout(LEADER_PATIENCE, async {
            let channel =
                rpc::connect(&leader, &self.clock).await.map_err(|error| unavailable(error.to_string()))?;
            let client = AdminClient::new(channel).with_limits();
            asking(client, rpc::with_deadline(Request::new(question), LEADER_PATIENCE)).await
        });
        match asked.await {
            Ok(Err(status)) if status.code() == Code::Unavailable => {
                Err(unavailable(status.message().to_owned()))
            }
            Ok(answer) => answer,
            Err(_) => Err(unavailable("the leader does not answer: try again".to_owned())),
        }
    }
}

#[tonic::async_trait]
impl admin_server::Admin for AdminService {
    async fn change_members(
        &self,
        request: Request<v1::ChangeMembersRequest>,
    ) -> Result<Response<v1::ChangeMembersResponse>, Status> {
        let request = v1::ChangeMembersRequest { cluster: self.cluster.clone(), ..request.into_inner() };
        self.ask_leader(request, async |mut client, request| client.change_members(request).await).await
    }

    async fn transfer(
        &self,
        request: Request<v1::TransferRequest>,
    ) -> Result<Response<v1::TransferResponse>, Status> {
        let request = v1::TransferRequest { cluster: self.cluster.clone(), ..request.into_inner() };
        self.ask_leader(request, async |mut client, request| client.transfer(request).await).await
    }
}
