//! What has happened in the cluster so far.

use std::{collections::BTreeSet, sync::Arc};

use conclave::raft::{Configuration, Entry, NodeId, Term};

/// What has happened, as nobody in the cluster remembers it.
#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct History {
    pub(crate) leaders: BTreeSet<(Term, NodeId)>,
    pub(crate) committed: Vec<Committed>,
}

/// An entry, the term whose leader committed it first, and by whose count.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Committed {
    pub(crate) entry: Entry,
    pub(crate) term: Term,
    pub(crate) configuration: Arc<Configuration>,
}
