//! What operators ask of the cluster, passed on to the node that leads it.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tonic::{Code, Request, Response, Status};

use crate::{
    env::Clock,
    proxy::{call_queue::time_for, config::Config, metrics::Method, view::View, watched::Watcher},
    rpc::{self, Caller, Channel},
    wire::{
        CallError, ClusterId, Happened, WithLimits,
        pb::v1::{self, admin_client::AdminClient, admin_server},
    },
};

/// The leader answers at once; what takes longer it is asked again.
const LEADER_PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct AdminService {
    config: Config,
    clock: Clock,
    view: watch::Receiver<View>,
    watcher: Watcher,
}

impl AdminService {
    pub(super) fn new(config: &Config, clock: &Clock, view: watch::Receiver<View>, watcher: Watcher) -> Self {
        Self { config: config.clone(), clock: clock.clone(), view, watcher }
    }

    /// The cluster that this proxy works for, and where its leader is reached.
    fn leader(&self) -> Result<(ClusterId, String), CallError> {
        let view = self.view.borrow();
        let address = view.leader.as_ref().and_then(|leader| leader.address.clone());
        let known = address.filter(|_| view.cluster_id != 0).map(|address| (view.cluster_id, address));
        known.ok_or_else(|| view.no_leader())
    }

    /// Asks the leader; the question names the cluster and its id.
    async fn ask_leader<Q, A>(
        &self,
        time: Duration,
        question: impl FnOnce(String, ClusterId) -> Q,
        asking: impl AsyncFnOnce(AdminClient<Channel>, Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<Response<A>, Status> {
        let (cluster_id, leader) = self.leader()?;
        let question = question(self.config.cluster.clone(), cluster_id);
        let (target, began) = (self.config.node_at(&leader), self.clock.now());
        let connected = self.clock.timeout(time, rpc::connect(&target, &self.clock)).await;
        let silent = || unavailable("the leader does not answer: try again");
        let connected = connected.map_err(|_| silent())?;
        let channel = connected.map_err(|error| unavailable(error.to_string()))?;
        let left = time.saturating_sub(self.clock.now().since(began));
        let client = AdminClient::new(channel).with_limits();
        let asking = asking(client, rpc::with_deadline(Request::new(question), left));
        match self.clock.timeout(left, asking).await {
            Ok(Err(status)) => Err(match status.code() {
                Code::Unavailable if certainly_not(&status) => unavailable(status.message()).into(),
                // A connection that breaks is "unknown" to gRPC.
                Code::Unavailable | Code::Unknown => unavailable(status.message()).may_have_happened().into(),
                // Time is measured by the channel too, which may be the first to see that it is up.
                Code::DeadlineExceeded | Code::Cancelled => silent().may_have_happened().into(),
                code @ (Code::InvalidArgument | Code::FailedPrecondition) => {
                    CallError::refused(code, status.message()).into()
                }
                _ => status,
            }),
            Ok(answer) => answer,
            Err(_) => Err(silent().may_have_happened().into()),
        }
    }
}

/// The leader said so itself, or the question never reached it.
fn certainly_not(status: &Status) -> bool {
    Happened::of(status) == Some(Happened::No) || rpc::was_not_sent(status)
}

/// Each request says what is wanted in the end: one that failed may be asked again, whatever became of it.
fn unavailable(message: impl Into<String>) -> CallError {
    CallError::other(Code::Unavailable, message)
}

#[tonic::async_trait]
impl admin_server::Admin for AdminService {
    async fn change_members(
        &self,
        request: Request<v1::ChangeMembersRequest>,
    ) -> Result<Response<v1::ChangeMembersResponse>, Status> {
        let watched = self.watcher.begin(Method::ChangeMembers, &request, &Bytes::new());
        let by = Caller::of(&request);
        let time = time_for(&request, LEADER_PATIENCE);
        let request = request.into_inner();
        let question = |cluster, cluster_id| v1::ChangeMembersRequest { cluster, cluster_id, ..request };
        let asking = async |mut client: AdminClient<Channel>, request| client.change_members(request).await;
        let answer = self.ask_leader(time, question, asking).await;
        watched.end(answer.inspect(|_| tracing::info!(%by, "a change of members was taken")))
    }

    async fn transfer(
        &self,
        request: Request<v1::TransferRequest>,
    ) -> Result<Response<v1::TransferResponse>, Status> {
        let watched = self.watcher.begin(Method::Transfer, &request, &Bytes::new());
        let by = Caller::of(&request);
        let time = time_for(&request, LEADER_PATIENCE);
        let request = request.into_inner();
        let question = |cluster, cluster_id| v1::TransferRequest { cluster, cluster_id, ..request };
        let asking = async |mut client: AdminClient<Channel>, request| client.transfer(request).await;
        let answer = self.ask_leader(time, question, asking).await;
        watched.end(answer.inspect(|answer| {
            let v1::TransferResponse { to, done, .. } = answer.get_ref();
            tracing::info!(%by, to, done, "leadership was asked to be handed over");
        }))
    }
}
