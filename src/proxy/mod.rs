//! The proxy: what clients talk to. It finds the leader, keeps one stream to every node, and retries each write
//! exactly once through a leader change, so that its client sees one answer and not an error.
//!
//! ```text
//!  clients ──unary──▶ kv_service ──▶ ┌────────┐ ◀── leadership, replies ── link to node 1
//!                     one answer ◀── │ router │ ── batches of requests ──▶ link to node 2 (leads)
//!                                    └────────┘                            link to node 3
//! ```
//!
//! | file | idea |
//! | --- | --- |
//! | `kv_service.rs` | the etcd API: one call in, one answer out |
//! | `router.rs` | the task that knows who leads, and what is outstanding |
//! | `session.rs` | sequence numbers: what makes a retry apply once |
//! | `link.rs` | one stream to a node, carrying batches both ways |
//! | `admin.rs` | members and leader, as operators ask for them: passed on to the leader |
//! | `status.rs` | the cluster as this proxy sees it |

mod admin;
mod kv_service;
mod link;
mod router;
mod session;
mod status;

use std::{future::Future, net::SocketAddr, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    env::Environment,
    rpc::{self, RpcError},
    wire::{
        WithLimits,
        pb::{
            etcdserverpb::kv_server::KvServer,
            v1::{admin_server::AdminServer, status_server::StatusServer},
        },
    },
};

/// Calls that may wait for the router to take them.
const CALL_QUEUE_LENGTH: usize = 4096;

/// What a proxy is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the cluster.
    pub cluster: String,
    /// Where it serves clients.
    pub listen: SocketAddr,
    /// Some of the nodes, as `host:port`: the leader knows the others.
    pub nodes: Vec<String>,
    /// The longest that a request may take when its client sets no deadline.
    pub patience: Duration,
}

/// Runs a proxy until `shutdown` completes.
///
/// # Errors
/// The address is in use, or the server failed.
pub async fn run(
    config: Config,
    environment: Environment,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RpcError> {
    let (calls_tx, calls_rx) = mpsc::channel(CALL_QUEUE_LENGTH);
    let (face_tx, face_rx) = watch::channel(router::Face::default());
    let kv = kv_service::KvService::new(calls_tx, environment.clock.clone(), config.patience);
    let status = status::StatusService::new(&config, &environment.clock, face_rx.clone());
    let admin = admin::AdminService::new(&config, &environment.clock, face_rx);
    let bound = rpc::Server::new(&environment.clock)
        .add(KvServer::new(kv).with_limits())
        .add(AdminServer::new(admin).with_limits())
        .add(StatusServer::new(status))
        .bind(config.listen)
        .await?;
    tracing::info!(address = %bound.local_addr(), nodes = ?config.nodes, "proxy is up");

    let (news_tx, news_rx) = mpsc::unbounded_channel();
    let dialer =
        link::Dialer { cluster: config.cluster.clone(), environment: environment.clone(), news: news_tx };
    let routing = tokio::spawn(router::Router::new(&config.nodes, dialer, face_tx).run(calls_rx, news_rx));
    let (stop_tx, stop_rx) = oneshot::channel::<()>();
    let serving = bound.serve(async {
        let _ = stop_rx.await;
    });
    let result = tokio::select! { biased;
        served = serving => served,
        () = shutdown => Ok(()),
    };
    drop(stop_tx);
    routing.abort();
    result
}
