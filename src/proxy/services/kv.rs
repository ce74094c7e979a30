//! etcd's key-value API: one call in, one answer out. What cannot be served is refused here, before it costs a round
//! trip.

use bytes::Bytes;
use prost::Message;
use tonic::{Request, Response, Status};

use super::log::{crossed, write};
use crate::{
    proxy::{
        call_queue::CallSender,
        core::{Answered, Operation, Pieces},
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

    /// What is large of an answer waits in its encoding until the caller takes it, and is held meanwhile.
    fn respond<M: Message>(
        &self,
        message: M,
        large: impl IntoIterator<Item = M>,
        held: Pieces,
    ) -> Result<Response<M>, Status> {
        let fields = large.into_iter().map(|field| field.encode_to_vec().into()).collect();
        rpc::respond_with(message, fields, held, self.calls.clock())
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
        watched.end(answer.and_then(|Answered { outcome, pieces }| match outcome {
            Outcome::Put(response) if !pieces.are_held() => Ok(Response::new(response)),
            Outcome::Put(mut response) => {
                let large = PutResponse { prev_kv: response.prev_kv.take(), ..Default::default() };
                self.respond(response, [large], pieces)
            }
            other => Err(crossed(&other)),
        }))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let mut watched = self.watcher.begin(Method::DeleteRange, &request, &request.get_ref().key);
        let answer = write(&self.calls, request, command::Operation::DeleteRange, &mut watched).await;
        watched.end(answer.and_then(|Answered { outcome, pieces }| match outcome {
            Outcome::DeleteRange(response) if !pieces.are_held() => Ok(Response::new(response)),
            Outcome::DeleteRange(mut response) => {
                let pairs = std::mem::take(&mut response.prev_kvs).into_iter();
                let large =
                    pairs.map(|pair| DeleteRangeResponse { prev_kvs: vec![pair], ..Default::default() });
                self.respond(response, large, pieces)
            }
            other => Err(crossed(&other)),
        }))
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        let mut watched = self.watcher.begin(Method::Compact, &request, &Bytes::new());
        let answer = write(&self.calls, request, command::Operation::Compact, &mut watched).await;
        watched.end(answer.and_then(|Answered { outcome, .. }| match outcome {
            Outcome::Compact(response) => Ok(Response::new(response)),
            other => Err(crossed(&other)),
        }))
    }
}
