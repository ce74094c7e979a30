//! What the node's own parts report to the event loop.

use super::error::NodeError;
use crate::{
    kv::Header,
    raft::{Index, InstallFailure, NodeId, StreamId},
};

/// What the node's own parts report. Unbounded, because each answers something that the event loop asked for.
pub(super) enum Report {
    /// The log's writes up to this ticket are durable.
    Persisted(u64),
    /// The state machine did what was asked.
    Applied(Applied),
    /// The state is durable up to this index.
    Durable(Index),
    /// The whole state was read, and is sound.
    Scrubbed(Scrubbed),
    /// A stream ended. The snapshot stands at the peer, up to this index; or (`None`) it could not be sent.
    SnapshotSent { to: NodeId, stream: StreamId, index: Option<Index> },
    /// The disk failed: the node must stop.
    Failed(NodeError),
}

/// What the state machine did.
pub(super) struct Applied {
    /// Where it stands.
    pub(super) header: Header,
    /// It is durable up to here.
    pub(super) durable: Index,
    /// Whether the snapshot to install was installed, if there was one.
    pub(super) installed: Option<Result<(), InstallFailure>>,
}

/// A scrub that found nothing wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scrubbed {
    /// When it ended, by this node's clock.
    pub(super) unix_ms: u64,
    pub(super) records: u64,
}
