//! The proxy: what clients talk to. It finds the leader, keeps one stream to every node, and retries each write
//! exactly once through a leader change, so that its client sees one answer and not an error.
//!
//! ```text
//!  clients ──unary──▶ services ──calls──▶ ┌──────────────────┐ ◀── leadership, replies ── link to node 1
//!                     one answer ◀─────── │ edge ┌────────┐  │ ── batches of requests ──▶ link to node 2 (leads)
//!                                         │      │  core  │  │                            link to node 3
//!                     view of the cluster │      └────────┘  │
//!                             ◀────────── └──────────────────┘
//! ```
//!
//! | file | idea |
//! | --- | --- |
//! | `core/` | the decisions, pure: who leads, what is outstanding, exactly once |
//! | `edge.rs` | the task around the core: take, step, carry out |
//! | `link.rs` | one stream to a node, carrying batches both ways |
//! | `services/` | what it serves, one file a service |
//! | `call_queue.rs` | the way of a call from its service to the edge, and of its answer back |
//! | `config.rs` | what a proxy is told |
//! | `view.rs` | what the edge publishes of the core |
//! | `watched.rs`, `request_id.rs` | what is noted of each call, and how it is named |
//! | `metrics.rs` | what is measured |

mod call_queue;
mod config;
mod core;
mod edge;
mod link;
mod metrics;
mod request_id;
mod services;
mod view;
mod watched;

use std::{future::Future, sync::Arc};

use tokio::sync::{mpsc, oneshot, watch};

pub use self::config::Config;
#[cfg(all(not(madsim), any(test, feature = "fuzzing")))]
pub(crate) use self::core::fuzzing::replies as fuzz_replies;
use crate::{
    env::{Condition, Environment},
    rpc::RpcError,
};

/// Runs a proxy until `shutdown` completes, and then until what is under way is answered. Dropping the future cuts that.
///
/// # Errors
/// The address is in use, or the server failed.
pub async fn run(
    config: Config,
    environment: Environment,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RpcError> {
    let (calls_tx, calls_rx) = call_queue::channel(environment.clock.clone(), config.patience);
    let (view_tx, view_rx) = watch::channel(view::View::default());
    let bound = services::server(&config, &environment, calls_tx, view_rx).bind(config.listen).await?;
    environment.health.set(Condition::NotReady("no leader is known".to_owned()));
    tracing::info!(address = %bound.local_addr(), nodes = ?config.nodes, "proxy is up");

    let (events_tx, events_rx) = mpsc::unbounded_channel();
    let dialer = link::Dialer {
        config: config.clone(),
        cluster_id: Arc::default(),
        environment: environment.clone(),
        events: events_tx,
    };
    let edge = edge::Edge::new(&config, dialer, view_tx);
    let address = bound.local_addr();
    let mut deciding = tokio::spawn(edge.run(calls_rx, events_rx));
    let (stop_tx, stop_rx) = oneshot::channel::<()>();
    let stopped = async {
        let _ = stop_rx.await;
    };
    let mut serving = std::pin::pin!(bound.serve(stopped, config.patience));
    let result = tokio::select! { biased;
        served = &mut serving => served,
        // Nobody would be answered any more: whoever watches this process is to start it again.
        _ = &mut deciding => {
            let reason = "what decides about calls has ended: this is a bug".to_owned();
            return Err(RpcError::Serve { address, reason });
        }
        () = shutdown => {
            environment.health.set(Condition::Stopping);
            // Calls under way are still answered; clients send the next ones elsewhere.
            drop(stop_tx);
            serving.await
        }
    };
    deciding.abort();
    result
}
