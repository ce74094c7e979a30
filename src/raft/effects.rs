//! What the core asks the outside to do.

use std::sync::Arc;

use super::{
    Configuration, Entry, Index, InstallFailure, Message, NodeId, Origin, Position, Refused, Snapshot,
    StreamId, Vote,
};

/// Everything that follows from the inputs since the last time, to be carried out in this order:
/// persist -> send -> apply -> reply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Effects {
    /// What must reach the disk, and the messages that promise it did.
    pub persist: Option<Persist>,
    /// Messages that promise nothing: they may leave at once, even while the disk still works.
    pub messages: Vec<Message>,
    /// Entries newly committed, to be applied in order.
    pub committed: Vec<Entry>,
    /// Peers that need the state itself, for the log does not reach back far enough.
    pub snapshots: Vec<SendSnapshot>,
    /// Streams that are not wanted any more: what of them is under way is worth nothing, and their ends are not reported.
    pub cancelled: Vec<StreamId>,
    /// The staged snapshot to put in the state machine's place, after the entries above and before any later ones.
    /// When that is durable the core is told through [`super::Raft::installed`].
    pub install: Option<Snapshot>,
    /// Reads that may be answered.
    pub reads: Vec<ReadReady>,
    /// Peers that did not take the snapshot that they were sent.
    pub rejected: Vec<(NodeId, InstallFailure)>,
    /// Messages that cannot be true: they changed nothing.
    pub refused: Vec<Refused>,
    /// Reads that could not be confirmed; the caller asks again.
    pub reads_failed: Vec<u64>,
}

/// One write to the log's disk. Writes are carried out in the order of their tickets, each as one atomic, durable
/// step; when it is done, `promises` may leave and the core is told the ticket through [`super::Raft::persisted`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Persist {
    /// Numbers the writes from 1, without gaps.
    pub ticket: u64,
    /// Where the log begins from now on, if that changed. Goes before the entries. What the log holds up to there is
    /// dropped; unless it holds that very position, so is the rest.
    pub compacted: Option<Compacted>,
    /// The vote to store, if it changed.
    pub vote: Option<Vote>,
    /// Entries to store. What the log holds from the first one's index on is replaced.
    pub entries: Vec<Entry>,
    /// Messages that promise what this write makes durable: never sent before it is.
    pub promises: Vec<Message>,
}

/// The beginning of a log: what came before is compacted, or was never here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Compacted {
    /// The last entry that is gone.
    pub position: Position,
    /// The configuration as of that entry.
    pub configuration: Arc<Configuration>,
}

/// The state is to be streamed to a peer, piece by piece ([`super::Raft::admit_piece`]), up to any entry that it was
/// applied to. When all of it has arrived, [`super::Body::InstallSnapshot`] follows, of the stream's term and number, and
/// [`super::Raft::snapshot_sent`] tells this core how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SendSnapshot {
    pub to: NodeId,
    pub stream: StreamId,
    /// The state has to reach this entry at least: the log goes on from there.
    pub needed: Index,
    /// What the message that ends it says of its sender.
    pub origin: Origin,
}

/// A read may be served from the state machine once `index` is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReadReady {
    /// The name the caller gave the read.
    pub id: u64,
    /// The index to wait for.
    pub index: Index,
}
