//! What there is to do for the state machine, in the order in which it is to be done.

use tokio::sync::oneshot;

use super::super::{event::Stage, reply::ReplySender};
use crate::{
    raft::{Entry, Index, Snapshot, Term},
    storage::StateView,
};

pub(in crate::node) enum Job {
    /// Those wait for entries that are not yet committed.
    Await(Vec<Waiter>),
    /// Committed entries, to be applied.
    Apply(Vec<Entry>),
    /// A piece of a snapshot that is being received.
    Stage(Stage),
    /// Puts the staged snapshot in the state's place. Until that is reported the core hands out no entries.
    Install(Snapshot),
    /// Shows the state as it stands, durable or not, to be sent to another node.
    Show(oneshot::Sender<StateView>),
}

/// A proxy waits for the outcome of the entry at `index`, if it bears `term`.
pub(in crate::node) struct Waiter {
    pub(in crate::node) index: Index,
    pub(in crate::node) term: Term,
    pub(in crate::node) request: u64,
    pub(in crate::node) replies: ReplySender,
}
