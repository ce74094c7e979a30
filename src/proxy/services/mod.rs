//! What the proxy serves, one file a service.
//!
//! | file | service |
//! | --- | --- |
//! | `kv.rs` | etcd's key-value API: one call in, one answer out |
//! | `admin.rs` | members and leader, as operators ask for them: passed on to the leader |
//! | `status.rs` | the cluster as this proxy sees it |

mod admin;
mod kv;
mod status;

use tokio::sync::watch;

use super::{call_sender::CallSender, config::Config, view::View};
use crate::{
    env::Clock,
    rpc,
    wire::{
        WithLimits,
        pb::{
            etcdserverpb::kv_server::KvServer,
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
        .add(KvServer::new(kv::KvService::new(calls)).with_limits())
        .add(AdminServer::new(admin).with_limits())
        .add(StatusServer::new(status))
}
