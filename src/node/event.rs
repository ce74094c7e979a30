//! What the event loop takes from outside of the node.

use tokio::sync::oneshot;
use tonic::Status;

use super::{
    reads::{Caller, LaneEnd},
    reply::ReplySender,
};
use crate::{
    raft::{Index, Message, NodeId, Position, StreamId},
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
    /// Who reads the state by itself asks for an index such that the state there, or later, holds everything that was acknowledged
    /// before. It is answered once the state stands there.
    ReadBarrier(Answer<Index>),
    /// The node is to stop: it hands leadership over first, and then says so.
    Leave(oneshot::Sender<()>),
}

/// The way back to whoever asked.
pub(super) type Answer<T> = oneshot::Sender<Result<T, Status>>;

/// A piece of the snapshot that stands for the log up to `last`.
pub(super) struct Stage {
    pub(super) last: Position,
    /// Records, and what they follow. `None`: the sender asks where to go on.
    pub(super) records: Option<(Place, Vec<Record>)>,
    /// Where to go on, or why the piece was not taken.
    pub(super) answer: oneshot::Sender<Result<Place, String>>,
}
