//! The votes that disks hold or held.

use std::collections::BTreeMap;

use conclave::raft::{Body, NodeId, Persist, Term, Vote};

#[derive(Default)]
pub(crate) struct Ballots {
    /// Who voted in a term, and for whom.
    terms: BTreeMap<Term, BTreeMap<NodeId, NodeId>>,
}

impl Ballots {
    pub(crate) fn vote_of(&self, voter: NodeId, term: Term) -> Option<NodeId> {
        self.terms.get(&term)?.get(&voter).copied()
    }

    pub(super) fn note(&mut self, node: NodeId, write: &Persist) {
        for Vote { term, candidate } in votes(write) {
            let ballot = self.terms.entry(term).or_default();
            candidate.map(|candidate| *ballot.entry(node).or_insert(candidate));
        }
    }
}

/// The votes that a write makes durable. One that a later term overtook in the same write is known by what it promises.
pub(crate) fn votes(write: &Persist) -> impl Iterator<Item = Vote> {
    let promised = write.promises.iter().filter_map(|message| match message.body {
        Body::VoteRequest { .. } => Some(Vote { term: message.term, candidate: Some(message.from) }),
        Body::VoteResponse { granted: true } => {
            Some(Vote { term: message.term, candidate: Some(message.to) })
        }
        _ => None,
    });
    promised.chain(write.vote)
}
