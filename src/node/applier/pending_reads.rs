//! Reads that wait for an index to be applied.

use super::job::Read;
use crate::raft::{Index, Term};

/// In no particular order: there are few at a time, each with all the reads of one round.
#[derive(Default)]
pub(super) struct PendingReads(Vec<PendingRead>);

struct PendingRead {
    index: Index,
    term: Term,
    reads: Vec<Read>,
}

impl PendingReads {
    pub(super) fn add(&mut self, index: Index, term: Term, reads: Vec<Read>) {
        self.0.push(PendingRead { index, term, reads });
    }

    /// Takes those that may be served now, each with the term to reply with.
    pub(super) fn take_ready(&mut self, applied: Index) -> Vec<(Term, Read)> {
        let ready = self.0.extract_if(.., |pending| pending.index <= applied);
        ready
            .flat_map(|PendingRead { term, reads, .. }| reads.into_iter().map(move |read| (term, read)))
            .collect()
    }
}
