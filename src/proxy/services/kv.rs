//! etcd's key-value API: one call in, one answer out. What cannot be served is refused here, before it costs a round
//! trip.

use prost::Message;
use tonic::{Request, Response, Status};

use crate::{
    proxy::{
        call_sender::CallSender,
        core::{Answered, Operation},
    },
    rpc,
    wire::{
        kv as wire,
        pb::{
            etcdserverpb::{
                DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest,
                RangeResponse, kv_server,
            },
            v1::{command, reply::Outcome},
        },
    },
};

#[derive(Clone)]
pub(super) struct KvService {
    calls: CallSender,
}

impl KvService {
    pub(super) fn new(calls: CallSender) -> Self {
        Self { calls }
    }

    async fn write<T: Message>(
        &self,
        request: Request<T>,
        operation: impl FnOnce(T) -> command::Operation,
    ) -> Result<Outcome, Status> {
        let time = self.calls.time_for(&request);
        let request = request.into_inner();
        let bytes = request.encoded_len();
        let operation = operation(request);
        wire::check_write(&operation)?;
        Ok(self.calls.call(Operation::Write(operation), bytes, time).await?.outcome)
    }
}

#[tonic::async_trait]
impl kv_server::Kv for KvService {
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        let time = self.calls.time_for(&request);
        let range = request.into_inner();
        wire::check_read(&range)?;
        let bytes = range.encoded_len();
        let Answered { outcome, mut pieces } = self.calls.call(Operation::Read(range), bytes, time).await?;
        match outcome {
            Outcome::Range(response) if pieces.is_empty() => Ok(Response::new(response)),
            Outcome::Range(response) => {
                let fields = pieces.take();
                rpc::respond_with(response, fields, pieces, self.calls.clock())
            }
            other => Err(crossed(&other)),
        }
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        match self.write(request, command::Operation::Put).await? {
            Outcome::Put(response) => Ok(Response::new(response)),
            other => Err(crossed(&other)),
        }
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        match self.write(request, command::Operation::DeleteRange).await? {
            Outcome::DeleteRange(response) => Ok(Response::new(response)),
            other => Err(crossed(&other)),
        }
    }
}

/// An answer of another kind than the question would be a crossed wire: never passed on as if it fitted.
fn crossed(outcome: &Outcome) -> Status {
    tracing::error!(?outcome, "an answer does not fit its question");
    Status::internal("the answer does not fit the question: this is a bug, please report it")
}
