//! What was proposed here and is not yet applied: more than so much would only wait longer.

use std::collections::VecDeque;

use crate::{
    env::{Knob, knob},
    raft::Index,
};

/// Proposals that may wait; the proxies of more hear at once that it is too much.
pub(super) const PROPOSALS_MAX: usize = 20_000;
/// Bytes of proposals that may wait: they lie in memory, here and on their way to every peer.
const PROPOSALS_BYTES_MAX: usize = 256 << 20;

/// The batches of proposals that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Admission {
    batches: VecDeque<Batch>,
    count: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Batch {
    last: Index,
    count: usize,
    bytes: usize,
}

impl Admission {
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Proposals that wait.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many of the next proposals, of these sizes, may be made. (What the node proposes by itself is made in any case.)
    pub(super) fn room_for(&self, sizes: impl Iterator<Item = usize>) -> usize {
        let mut bytes = self.bytes;
        let bytes_max = knob(Knob::ProposalsBytes, PROPOSALS_BYTES_MAX);
        let fits = |size: &usize| {
            let fits = bytes < bytes_max;
            bytes += size;
            fits
        };
        let count_max = knob(Knob::Proposals, PROPOSALS_MAX);
        sizes.take(count_max.saturating_sub(self.count)).take_while(fits).count()
    }

    /// The log ends here: what was proposed beyond that was cut off, and is gone for good.
    pub(super) fn log_ends(&mut self, last: Index) {
        while self.batches.back().is_some_and(|batch| batch.last > last) {
            self.batches.pop_back().into_iter().for_each(|batch| self.forget(&batch));
        }
    }

    /// A batch was proposed; its last entry is at this index. What it replaces in the log is gone for good.
    pub(super) fn proposed(&mut self, last: Index, count: usize, bytes: usize) {
        self.log_ends(last.saturating_sub(count as Index));
        self.count += count;
        self.bytes += bytes;
        self.batches.push_back(Batch { last, count, bytes });
    }

    /// Everything up to an index is applied, or another entry is in its place.
    pub(super) fn applied(&mut self, index: Index) {
        while self.batches.front().is_some_and(|batch| batch.last <= index) {
            self.batches.pop_front().into_iter().for_each(|batch| self.forget(&batch));
        }
    }

    fn forget(&mut self, batch: &Batch) {
        self.count -= batch.count;
        self.bytes -= batch.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(admission: &Admission, count: usize, size: usize) -> usize {
        admission.room_for(std::iter::repeat_n(size, count))
    }

    #[test]
    fn there_is_room_for_so_many_and_so_much() {
        let mut admission = Admission::default();
        assert_eq!(room(&admission, 30_000, 1), PROPOSALS_MAX);
        assert_eq!(room(&admission, 300, 1 << 20), 256);
        assert_eq!(room(&admission, 2, 1 << 30), 1, "one always fits");
        admission.proposed(100, 19_999, 1);
        assert_eq!(room(&admission, 5, 1), 1);
        admission.applied(99);
        assert_eq!(room(&admission, 5, 1), 1);
        admission.applied(100);
        assert!(admission.is_empty());
        assert_eq!(room(&admission, 5, 1), 5);
        admission.proposed(200, PROPOSALS_MAX, 1);
        admission.proposed(201, 1, 1);
        assert_eq!(room(&admission, 5, 1), 0, "what the node proposes by itself is more than the most");
    }

    #[test]
    fn a_later_leadership_reuses_indexes() {
        let mut admission = Admission::default();
        admission.proposed(5, 5, 50);
        admission.proposed(9, 4, 40);
        admission.proposed(7, 1, 10);
        admission.applied(6);
        assert!(!admission.is_empty());
        admission.applied(7);
        assert!(admission.is_empty());
        assert_eq!((admission.count, admission.bytes), (0, 0));
    }
}
