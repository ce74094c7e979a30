//! What the proxy serves, one file a service.
//!
//! | file | service |
//! | --- | --- |
//! | `kv.rs` | etcd's key-value API: one call in, one answer out |
//! | `maintenance.rs` | etcd's maintenance API: alarms, backups |
//! | `backup.rs` | a backup, passed on from a node that can make one |
//! | `admin.rs` | members and leader, as operators ask for them: passed on to the leader |
//! | `status.rs` | the cluster as this proxy sees it |
//!
//! `log.rs` has what those have in common whose calls go through the log.

mod admin;
mod backup;
mod kv;
mod log;
mod maintenance;
mod status;

use tokio::sync::watch;

use super::{call_queue::CallSender, config::Config, view::View, watched::Watcher};
use crate::{
    env::Environment,
    rpc::{self, Role},
    wire::{
        WithLimits,
        pb::{
            etcdserverpb::{kv_server::KvServer, maintenance_server::MaintenanceServer},
            v1::{admin_server::AdminServer, status_server::StatusServer},
        },
    },
};

/// Who reads and writes.
const CLIENTS: &[Role] = &[Role::Client, Role::Operator];
/// Who changes the cluster, takes backups and clears alarms.
const OPERATORS: &[Role] = &[Role::Operator];

/// All services of a proxy, ready to be bound.
pub(super) fn server(
    config: &Config,
    environment: &Environment,
    calls: CallSender,
    view: watch::Receiver<View>,
) -> rpc::Server {
    let (clock, watcher) = (&environment.clock, Watcher::new(environment));
    let status = status::StatusService::new(config, clock, view.clone(), watcher.clone());
    let admin = admin::AdminService::new(config, clock, view.clone(), watcher.clone());
    let backups = backup::BackupSource::new(config, clock, view);
    let maintenance = maintenance::MaintenanceService::new(calls.clone(), watcher.clone(), backups);
    rpc::Server::new(clock, &config.security, config.server_limits)
        .add(CLIENTS, KvServer::new(kv::KvService::new(calls, watcher)).with_limits())
        .add(OPERATORS, MaintenanceServer::new(maintenance).with_limits())
        .add(OPERATORS, AdminServer::new(admin).with_limits())
        .add(CLIENTS, StatusServer::new(status))
        .add_health(&environment.health)
}
