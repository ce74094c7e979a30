//! What can go wrong before a call gets its status.

use std::{error::Error, io, net::SocketAddr};

use tonic::{Status, metadata::MetadataValue};

/// Header of a failed call: `no` (it did not and will not happen) or `unknown` (it may have, or may yet).
pub const HAPPENED_HEADER: &str = "conclave-happened";

/// A refusal that says for certain that nothing was done.
pub(super) fn did_not_happen(mut refusal: Status) -> Status {
    refusal.metadata_mut().insert(HAPPENED_HEADER, MetadataValue::from_static("no"));
    refusal
}

/// One line that says what is wrong and, where the operator can do something, what.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// The address cannot be parsed; nothing was tried.
    #[error("`{0}` is no address: write HOST:PORT, for example 127.0.0.1:2379")]
    Address(String),
    /// The server cannot listen there.
    #[error("cannot listen on {address}: {reason}; {}", bind_advice(.reason.kind()))]
    Bind {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system said.
        reason: io::Error,
    },
    /// The server stopped although nobody told it to.
    #[error("the server on {address} failed: {reason}")]
    Serve {
        /// Where it listened.
        address: SocketAddr,
        /// What the transport said.
        reason: String,
    },
    /// No connection within the time allowed; no request was sent.
    #[error("cannot reach {address}: {reason}; check that it runs and that the network lets you through")]
    Unreachable {
        /// Who was called.
        address: String,
        /// What the transport said.
        reason: String,
    },
}

fn bind_advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "stop the program that uses the port, or choose another port",
        io::ErrorKind::AddrNotAvailable => "choose an address of this machine",
        io::ErrorKind::PermissionDenied => "choose a port above 1023",
        _ => "choose another address",
    }
}

/// What lies beneath an error: "transport error" tells nobody anything.
pub(crate) fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// What a caller of an unknown service or method is told. `path` is that of the request: `/package.Service/Method`.
pub(super) fn unimplemented(path: &str) -> Status {
    Status::unimplemented(format!("{} is not implemented here", path.trim_start_matches('/')))
}

impl From<RpcError> for Status {
    fn from(error: RpcError) -> Self {
        let message = error.to_string();
        match error {
            RpcError::Address(_) => Self::invalid_argument(message),
            RpcError::Unreachable { .. } => Self::unavailable(message),
            RpcError::Bind { .. } | RpcError::Serve { .. } => Self::internal(message),
        }
    }
}
