//! etcd's key-value API: one call in, one answer out. What cannot be served is refused here, before it costs a round
//! trip.

use bytes::Bytes;
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::log::{crossed, write};
use crate::{
    proxy::{
        call_queue::CallSender,
        core::{Answered, Operation},
        metrics::Method,
        watched::{Watched, Watcher},
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
    watcher: Watcher,
}

impl KvService {
    pub(super) fn new(calls: CallSender, watcher: Watcher) -> Self {
        Self { calls, watcher }
    }

    async fn read(
        &self,
        request: Request<RangeRequest>,
        watched: &mut Watched<'_>,
    ) -> Result<Response<RangeResponse>, Status> {
        let time = self.calls.time_for(&request);
        let range = request.into_inner();
        wire::check_read(&range)?;
        let bytes = range.encoded_len();
        let answered = self.calls.call(Operation::Read(range), bytes, time, watched).await?;
        let Answered { outcome, mut pieces } = answered;
        match outcome {
            Outcome::Range(response) if pieces.is_empty() => Ok(Response::new(response)),
            Outcome::Range(response) => {
                let fields = pieces.take();
                rpc::respond_with(response, fields, pieces, self.calls.clock())
            }
            other => Err(crossed(&other)),
        }
    }
}

#[tonic::async_trait]
impl kv_server::Kv for KvService {
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        let mut watched = self.watcher.begin(Method::Range, &request, &request.get_ref().key);
        let answer = self.read(request, &mut watched).await;
        watched.end(answer)
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let mut watched = self.watcher.begin(Method::Put, &request, &request.get_ref().key);
        let answer = write(&self.calls, request, command::Operation::Put, &mut watched).await;
        watched.end(answer.and_then(|outcome| match outcome {
            Outcome::Put(response) => Ok(Response::new(response)),
            other => Err(crossed(&other)),
        }))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let mut watched = self.watcher.begin(Method::DeleteRange, &request, &request.get_ref().key);
        let answer = write(&self.calls, request, command::Operation::DeleteRange, &mut watched).await;
        watched.end(answer.and_then(|outcome| match outcome {
            Outcome::DeleteRange(response) => Ok(Response::new(response)),
            other => Err(crossed(&other)),
        }))
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        let mut watched = self.watcher.begin(Method::Compact, &request, &Bytes::new());
        let answer = write(&self.calls, request, command::Operation::Compact, &mut watched).await;
        watched.end(answer.and_then(|outcome| match outcome {
            Outcome::Compact(response) => Ok(Response::new(response)),
            other => Err(crossed(&other)),
        }))
    }
}
