//! Processes that nobody judges.

use conclave::raft::{Effects, Persist};

use crate::Oracle;

/// Hears what a process says that is no node of the cluster, as one of another cluster at a node's address: what is answered to it is
/// judged by what it asked.
#[derive(Clone)]
pub struct Overhearer(Oracle);

impl Overhearer {
    /// Tells this oracle.
    pub fn new(oracle: &Oracle) -> Self {
        Self(oracle.clone())
    }

    /// It took a step.
    pub fn stepped(&self, effects: &Effects) {
        self.0.inner().overhear(&effects.messages, &effects.snapshots);
    }

    /// A write of its is done, and what waited for that leaves.
    pub fn persisted(&self, write: &Persist) {
        self.0.inner().overhear(&write.promises, &[]);
    }
}
