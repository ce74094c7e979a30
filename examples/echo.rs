//! The yardstick of docs/performance.md: a server that answers every call of the KV service at once and does nothing.
//! What `conclave bench` measures against it is the limit of the machine, of tonic and of the client itself.
//!
//! ```text
//! cargo run --release --example echo -- 127.0.0.1:2479
//! cargo run --release -- bench --endpoints 127.0.0.1:2479 --op get
//! ```

#[cfg(madsim)]
fn main() {}

#[cfg(not(madsim))]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    use conclave::{
        rpc::Server,
        wire::{WithLimits, pb::etcdserverpb::kv_server::KvServer},
    };

    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2479".to_owned());
    let server = Server::new(
        &conclave::env::Clock::new(std::time::Duration::ZERO),
        &conclave::rpc::Security::default(),
        conclave::rpc::ServerLimits::default(),
    )
    .add(&[], KvServer::new(echo::Echo).with_limits());
    let bound = server.bind(listen.parse()?).await?;
    Ok(bound.serve(std::future::pending(), conclave::rpc::SHUTDOWN_GRACE).await?)
}

#[cfg(not(madsim))]
mod echo {
    use conclave::wire::pb::etcdserverpb::{
        CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest,
        PutResponse, RangeRequest, RangeResponse, kv_server::Kv,
    };
    use tonic::{Request, Response, Status};

    pub(super) struct Echo;

    #[tonic::async_trait]
    impl Kv for Echo {
        async fn range(&self, _: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
            Ok(Response::new(RangeResponse::default()))
        }

        async fn put(&self, _: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
            Ok(Response::new(PutResponse::default()))
        }

        async fn delete_range(
            &self,
            _: Request<DeleteRangeRequest>,
        ) -> Result<Response<DeleteRangeResponse>, Status> {
            Ok(Response::new(DeleteRangeResponse::default()))
        }

        async fn compact(
            &self,
            _: Request<CompactionRequest>,
        ) -> Result<Response<CompactionResponse>, Status> {
            Ok(Response::new(CompactionResponse::default()))
        }
    }
}
