//! The etcd API: one call in, one answer out.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Request, Response, Status};

use super::router::{Answer, Call, Operation};
use crate::{
    env::Clock,
    wire::{
        self,
        pb::{
            etcdserverpb::{
                DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest,
                RangeResponse, kv_server,
            },
            v1::{command, reply},
        },
    },
};

#[derive(Clone)]
pub(super) struct KvService {
    calls: mpsc::Sender<Call>,
    clock: Clock,
    patience: Duration,
}

impl KvService {
    pub(super) fn new(calls: mpsc::Sender<Call>, clock: Clock, patience: Duration) -> Self {
        Self { calls, clock, patience }
    }

    /// Hands the operation to the router and waits for its one answer.
    async fn call(&self, operation: Operation) -> Result<reply::Outcome, Status> {
        let (answer_tx, answer_rx) = oneshot::channel::<Answer>();
        let deadline = self.clock.now() + self.patience;
        let call = Call { operation, deadline, answer: answer_tx };
        self.calls.try_send(call).map_err(|_| {
            wire::did_not_happen(
                Code::ResourceExhausted,
                "the proxy has too many calls waiting: try again later",
            )
        })?;
        answer_rx.await.map_err(|_| wire::unknown("the proxy is stopping: the outcome is unknown"))?
    }
}

#[tonic::async_trait]
impl kv_server::Kv for KvService {
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        let range = request.into_inner();
        match self.call(Operation::Read(range)).await? {
            reply::Outcome::Range(response) => Ok(Response::new(response)),
            other => Err(crossed(&other)),
        }
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let put = request.into_inner();
        match self.call(Operation::Write(command::Operation::Put(put))).await? {
            reply::Outcome::Put(response) => Ok(Response::new(response)),
            other => Err(crossed(&other)),
        }
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let delete = request.into_inner();
        match self.call(Operation::Write(command::Operation::DeleteRange(delete))).await? {
            reply::Outcome::DeleteRange(response) => Ok(Response::new(response)),
            other => Err(crossed(&other)),
        }
    }
}

/// An answer of another kind than the question would be a crossed wire: never passed on as if it fitted.
fn crossed(outcome: &reply::Outcome) -> Status {
    tracing::error!(?outcome, "an answer does not fit its question");
    Status::internal("the answer does not fit the question: this is a bug, please report it")
}
