//! What was asked, what was answered, and when.

use std::collections::BTreeMap;

/// One operation. Operations that certainly did not take effect are left out by the caller.
#[derive(Clone, Debug)]
pub struct Operation<C, R> {
    /// When it was called; any clock that orders all events.
    pub called: u64,
    /// When it returned, and what. `None`: unknown, it may take effect at any time after its call, or never.
    pub returned: Option<(u64, R)>,
    /// What was asked.
    pub call: C,
}

/// The positions of the operations of each key, for [`Model::partition`](crate::Model::partition).
pub fn partition_by_key<C, R, K: Ord>(
    operations: &[Operation<C, R>],
    key: impl Fn(&C) -> K,
) -> Vec<Vec<usize>> {
    let mut parts: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for (position, operation) in operations.iter().enumerate() {
        parts.entry(key(&operation.call)).or_default().push(position);
    }
    parts.into_values().collect()
}
