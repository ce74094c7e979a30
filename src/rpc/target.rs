//! Where a connection goes, and who must be found there.

use super::{Role, Security};

/// Another process.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it is reached, as HOST:PORT.
    pub address: String,
    /// Who must answer there.
    pub expected: Expected,
    /// How the connection is secured.
    pub security: Security,
}

/// Who must answer, where connections are secured: its certificate is always for the host of the address, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whoever has a certificate for the host.
    Anybody,
    /// One with this role in the same cluster.
    Role(Role),
    /// The node of this number in the same cluster.
    Node(u64),
}

impl Target {
    /// A process of that address, on a connection that is not secured.
    pub fn open(address: impl Into<String>) -> Self {
        Self { address: address.into(), expected: Expected::Anybody, security: Security::default() }
    }
}
