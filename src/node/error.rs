//! Why a node stopped.

use crate::{rpc::RpcError, storage::StorageError};

/// Why a node stopped.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The disk failed, or holds what this node must not touch. Nothing is served from a disk that lied.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The address could not be served.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// A part of the node ended without a reason.
    #[error("the {0} stopped unexpectedly: this is a bug, please report it")]
    Part(&'static str),
}
