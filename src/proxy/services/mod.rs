//! What the proxy serves, one file a service.
//!
//! | file | service |
//! | --- | --- |
//! | `kv.rs` | etcd's key-value API: one call in, one answer out |
//! | `maintenance.rs` | etcd's maintenance API: alarms |
//! | `admin.rs` | members and leader, as operators ask for them: passed on to the leader |
//! | `status.rs` | the cluster as this proxy sees it |

mod admin;
mod kv;
mod maintenance;
mod status;

use prost::Message;
use tokio::sync::watch;
use tonic::{Request, Status};

use super::{Config, call_sender::CallSender, core::Operation, view::View};
use crate::{
    env::Clock,
    rpc,
    wire::{
        WithLimits, kv as wire,
        pb::{
            etcdserverpb::{kv_server::KvServer, maintenance_server::MaintenanceServer},
            v1::{admin_server::AdminServer, command, reply::Outcome, status_server::StatusServer},
        },
    },
};

/// All services of a proxy, ready to be bound.
pub(super) fn server(
    config: &Config,
    clock: &Clock,
    calls: CallSender,
    view: watch::Receiver<View>,
) -> rpc::Server {
    let status = status::StatusService::new(config, clock, view.clone());
    let admin = admin::AdminService::new(config, clock, view);
    rpc::Server::new(clock)
        .add(KvServer::new(kv::KvService::new(calls.clone())).with_limits())
        .add(MaintenanceServer::new(maintenance::MaintenanceService::new(calls)).with_limits())
        .add(AdminServer::new(admin).with_limits())
        .add(StatusServer::new(status))
}

/// Asks the cluster for what goes through its log. What cannot be served is refused here.
async fn write<T: Message>(
    calls: &CallSender,
    request: Request<T>,
    operation: impl FnOnce(T) -> command::Operation,
) -> Result<Outcome, Status> {
    let time = calls.time_for(&request);
    let request = request.into_inner();
    let bytes = request.encoded_len();
    let operation = operation(request);
    wire::check_write(&operation)?;
    Ok(calls.call(Operation::Write(operation), bytes, time).await?)
}

/// An answer of another kind than the question would be a crossed wire: never passed on as if it fitted.
fn crossed(outcome: &Outcome) -> Status {
    tracing::error!(?outcome, "an answer does not fit its question");
    Status::internal("the answer does not fit the question: this is a bug, please report it")
}
