//! Who an event happens to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A client that takes a dead one's place has that one's number and so many more: its operations are told apart.
pub const CLIENT_LIVES: u64 = 1000;

/// A machine of the simulated world. Nodes are named by their ids, proxies and clients by their numbers from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineId {
    Node(u64),
    Proxy(u64),
    Client(u64),
    /// Where operators sit, and where the run's own questions come from. No fault strikes it.
    Console,
}

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => write!(f, "node {id}"),
            Self::Proxy(number) => write!(f, "proxy {number}"),
            Self::Client(number) => write!(f, "client {number}"),
            Self::Console => f.write_str("console"),
        }
    }
}
