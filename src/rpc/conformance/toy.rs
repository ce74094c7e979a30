//! Services whose behaviour the request asks for.

use std::{future::pending, ops::Range, pin::Pin, time::Duration};

use prost::Message as _;

use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::sleep,
};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::{
    rpc,
    wire::pb::{
        etcdserverpb::{
            CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest,
            PutResponse, RangeRequest, RangeResponse, kv_server::Kv,
        },
        mvccpb::KeyValue,
        v1::{
            Alive, Envelope, Reply, ReplyBatch, RequestBatch, SnapshotPiece, SnapshotStaged,
            node_server::Node, peer_server::Peer,
        },
    },
};

/// What a handler went through, as seen from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Entered,
    Dropped,
    RequestsEnded,
    RequestsBroken,
}

#[derive(Clone)]
pub(super) struct Toy(UnboundedSender<Event>);

impl Toy {
    pub(super) fn new() -> (Self, UnboundedReceiver<Event>) {
        let (sender, events) = unbounded_channel();
        (Self(sender), events)
    }

    fn report(&self, event: Event) {
        let _ = self.0.send(event);
    }

    /// Lives as long as the handler.
    fn enter(&self) -> Handling {
        self.report(Event::Entered);
        Handling(self.clone())
    }

    async fn stall(&self) -> ! {
        let _handling = self.enter();
        pending::<()>().await;
        unreachable!("nothing ends a pending future")
    }

    async fn drain(&self, mut requests: Streaming<Envelope>) {
        let event = loop {
            match requests.message().await {
                Ok(Some(_)) => {}
                Ok(None) => break Event::RequestsEnded,
                Err(_) => break Event::RequestsBroken,
            }
        };
        self.report(event);
    }
}

struct Handling(Toy);

impl Drop for Handling {
    fn drop(&mut self) {
        self.0.report(Event::Dropped);
    }
}

/// The value of a pair in a range.
pub(super) const PAIR_BYTES: usize = 10_000;

/// How long a `slow` put takes: well within the grace of a shutdown.
const SLOW: Duration = Duration::from_millis(100);

#[tonic::async_trait]
impl Kv for Toy {
    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let question = request.metadata().get("question").cloned();
        let PutRequest { key, value, .. } = request.into_inner();
        match &*key {
            b"refuse" => {
                let mut status = Status::failed_precondition("not today");
                status.metadata_mut().insert("reason", "holiday".parse().unwrap());
                return Err(status);
            }
            b"slow" => {
                self.report(Event::Entered);
                sleep(SLOW).await;
            }
            b"stall" => self.stall().await,
            _ => {}
        }
        let prev_kv = Some(KeyValue { key, value, ..KeyValue::default() });
        let mut response = Response::new(PutResponse { header: None, prev_kv });
        if let Some(question) = question {
            response.metadata_mut().insert("answer", question);
        }
        Ok(response)
    }

    /// As many pairs as it is asked for, each with a value of [`PAIR_BYTES`], the first ones in the message itself.
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        let count = request.into_inner().limit;
        let pair = |number: i64| KeyValue {
            version: number,
            value: vec![number as u8; PAIR_BYTES].into(),
            ..KeyValue::default()
        };
        let of =
            |numbers: Range<i64>| RangeResponse { kvs: numbers.map(pair).collect(), ..Default::default() };
        let fields = (2..count).map(|number| of(number..number + 1).encode_to_vec().into()).collect();
        rpc::respond_with(RangeResponse { count, ..of(0..2) }, fields, self.enter(), &super::world::clock())
    }

    async fn delete_range(
        &self,
        _: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        Err(Status::internal("the stories only put"))
    }

    async fn compact(&self, _: Request<CompactionRequest>) -> Result<Response<CompactionResponse>, Status> {
        Err(Status::internal("the stories only put"))
    }
}

#[tonic::async_trait]
impl Peer for Toy {
    type SendStream = Pin<Box<dyn Stream<Item = Result<Alive, Status>> + Send>>;

    async fn stage(&self, _: Request<SnapshotPiece>) -> Result<Response<SnapshotStaged>, Status> {
        Err(Status::internal("the stories send no snapshots"))
    }

    /// Counts the messages. An envelope of the cluster "detached" has the rest read by a task of its own.
    async fn send(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::SendStream>, Status> {
        let mut envelopes = request.into_inner();
        let mut count = 0;
        while let Some(envelope) = envelopes.message().await? {
            count += 1;
            if envelope.cluster == "detached" {
                let toy = self.clone();
                tokio::spawn(async move { toy.drain(envelopes).await });
                self.stall().await;
            }
        }
        let mut response: Response<Self::SendStream> = Response::new(Box::pin(tokio_stream::empty()));
        response.metadata_mut().insert("count", count.to_string().parse().unwrap());
        Ok(response)
    }
}

#[tonic::async_trait]
impl Node for Toy {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<ReplyBatch, Status>> + Send>>;

    /// Answers every batch by its ids; one of the cluster "fail" ends the stream in an error.
    async fn session(
        &self,
        request: Request<Streaming<RequestBatch>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut batches = request.into_inner();
        let handling = self.enter();
        Ok(Response::new(Box::pin(async_stream::try_stream! {
            let _handling = handling;
            while let Some(batch) = batches.message().await? {
                if batch.cluster == "fail" {
                    Err(Status::data_loss("as you wish"))?;
                }
                let replies = batch.requests.iter().map(|it| Reply { id: it.id, outcome: None }).collect();
                yield ReplyBatch { leadership: None, replies };
            }
        })))
    }
}
