//! What a proxy is told.

use std::{net::SocketAddr, time::Duration};

use super::core;

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
}

impl Config {
    /// What large answers may hold, unless somebody says otherwise.
    pub const ANSWERS_BYTES_MAX: usize = core::ANSWERS_BYTES_MAX;
}
