//! What a proxy is told.

use std::{net::SocketAddr, time::Duration};

use super::core;
use crate::rpc::{Expected, Role, Security, ServerLimits, Target};

/// Where it serves, and whom.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the cluster.
    pub cluster: String,
    /// Its id. `None`: that of the cluster that most of the nodes given belong to.
    pub cluster_id: Option<u64>,
    /// Where it serves clients.
    pub listen: SocketAddr,
    /// Some of the nodes, as `host:port`: the leader knows the others.
    pub nodes: Vec<String>,
    /// The longest that a call may take, whatever deadline its client sets.
    pub patience: Duration,
    /// Bytes that large answers may hold, all together.
    pub answers_bytes_max: usize,
    /// How its connections are secured, to nodes and to clients.
    pub security: Security,
    /// What its server takes.
    pub server_limits: ServerLimits,
}

impl Config {
    /// What large answers may hold, unless somebody says otherwise.
    pub const ANSWERS_BYTES_MAX: usize = core::ANSWERS_BYTES_MAX;

    /// A node, to be called: which one it is only the node itself says.
    pub(super) fn node_at(&self, address: &str) -> Target {
        Target {
            address: address.to_owned(),
            expected: Expected::Role(Role::Node),
            security: self.security.clone(),
        }
    }
}
