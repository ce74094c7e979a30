//! What the event loop takes: events, which come from outside of the node, and reports of the node's own parts.

use tokio::sync::oneshot;
use tonic::Status;

use super::{
    error::NodeError,
    reads::{Caller, LaneEnd},
    reply::ReplySender,
};
use crate::{
    kv::Header,
    raft::{Index, InstallFailure, Message, NodeId, Position, StreamId},
    storage::{Place, Record},
    wire::pb::v1,
};

/// What comes from outside of the node. The queue is bounded: beyond it the streams are not read.
pub(super) enum Event {
    /// Messages of a peer.
    Messages(Vec<Message>),
    /// A piece of a snapshot, from the leader that sends the stream.
    Piece { from: NodeId, stream: StreamId, piece: Stage },
    /// A proxy's stream is open: it wants to know who leads, now and from now on. Its reads have a lane of their own.
    Joined(ReplySender, LaneEnd),
    /// Requests of a proxy.
    Requests(Caller, Vec<v1::Request>),
    /// An operator asks for other members.
    ChangeMembers(v1::ChangeMembersRequest, Answer<v1::ChangeMembersResponse>),
    /// An operator asks for another leader.
    Transfer(v1::TransferRequest, Answer<v1::TransferResponse>),
    /// The node is to stop: it hands leadership over first, and then says so.
    Leave(oneshot::Sender<()>),
}

/// The way back to whoever asked.
pub(super) type Answer<T> = oneshot::Sender<Result<T, Status>>;

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

/// A piece of the snapshot that stands for the log up to `last`.
pub(super) struct Stage {
    pub(super) last: Position,
    /// Records, and what they follow. `None`: the sender asks where to go on.
    pub(super) records: Option<(Place, Vec<Record>)>,
    /// Where to go on, or why the piece was not taken.
    pub(super) answer: oneshot::Sender<Result<Place, String>>,
}

/// A scrub that found nothing wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scrubbed {
    /// When it ended, by this node's clock.
    pub(super) unix_ms: u64,
    pub(super) records: u64,
}
