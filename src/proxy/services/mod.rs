//! What the proxy serves, one file a service.
//!
//! | file | service |
//! | --- | --- |
//! | `kv.rs` | etcd's key-value API: one call in, one answer out |
//! | `maintenance.rs` | etcd's maintenance API: alarms |
//! | `admin.rs` | members and leader, as operators ask for them: passed on to the leader |
//! | `status.rs` | the cluster as this proxy sees it |
//!
//! `log.rs` has what those have in common whose calls go through the log.

mod admin;
mod kv;
mod log;
mod maintenance;
mod status;

use tokio::sync::watch;

use super::{call_queue::CallSender, config::Config, view::View};
use crate::{
    env::Clock,
    rpc,
    wire::{
        WithLimits,
        pb::{
            etcdserverpb::{kv_server::KvServer, maintenance_server::MaintenanceServer},
            v1::{admin_server::AdminServer, status_server::StatusServer},
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
