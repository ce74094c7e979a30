//! etcd's key-value API: one call in, one answer out. What cannot be served is refused here, before it costs a round
//! trip.

use prost::Message as _;
use tonic::{Request, Response, Status};

use super::log::{crossed, write};
use crate::{
    proxy::{
        call_queue::CallSender,
        core::{Answered, Operation},
    },
    rpc,
    wire::{
        kv as wire,
        pb::{
            etcdserverpb::{
                CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest,
                PutResponse, RangeRequest, RangeResponse, kv_server,
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
        match write(&self.calls, request, command::Operation::Put).await? {
            Outcome::Put(response) => Ok(Response::new(response)),
            other => Err(crossed(&other)),
        }
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        match write(&self.calls, request, command::Operation::DeleteRange).await? {
            Outcome::DeleteRange(response) => Ok(Response::new(response)),
            other => Err(crossed(&other)),
        }
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        match write(&self.calls, request, command::Operation::Compact).await? {
            Outcome::Compact(response) => Ok(Response::new(response)),
            other => Err(crossed(&other)),
        }
    }
}
