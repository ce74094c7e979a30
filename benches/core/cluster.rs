//! What both must do.

pub(crate) const NODES: u64 = 3;

/// Three nodes with a leader.
pub(crate) trait Cluster {
    type Batch;

    fn elected() -> Self;

    /// So many commands, to be proposed together.
    fn batch(commands: usize, payload: &[u8]) -> Self::Batch;

    /// Proposes them, and returns when all nodes have applied them.
    fn replicate(&mut self, batch: Self::Batch);

    /// Commands that each node has applied.
    fn applied(&self) -> Vec<usize>;
}
