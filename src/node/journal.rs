//! What the log is told of the core: who leads, elections won and lost, snapshots received. One line each, not repeated while
//! nothing changes.

use crate::raft::{Index, InstallFailure, NodeId, Position, Raft, RoleName, StreamId, Term};

pub(super) struct Journal {
    node: NodeId,
    role: RoleName,
    term: Term,
    leadership: Leadership,
    /// The snapshot that is being received.
    receiving: Option<StreamId>,
}

/// Who leads, as the log was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leadership {
    Nobody,
    Own(Term),
    Other(NodeId, Term),
}

impl Journal {
    pub(super) fn new(core: &Raft) -> Self {
        let (node, role, term) = (core.id(), core.role(), core.term());
        Self { node, role, term, leadership: Leadership::Nobody, receiving: None }
    }

    /// After every step of the core.
    pub(super) fn stepped(&mut self, core: &Raft) {
        let (role, term, node) = (core.role(), core.term(), self.node);
        if self.role == RoleName::Candidate
            && (role != RoleName::Leader && (role, term) != (self.role, self.term))
        {
            tracing::info!(node, term = self.term, "lost the election");
        }
        (self.role, self.term) = (role, term);
        let leadership = match core.leader() {
            None => Leadership::Nobody,
            Some(leader) if leader == node => Leadership::Own(term),
            Some(leader) => Leadership::Other(leader, term),
        };
        if leadership == self.leadership {
            return;
        }
        match (self.leadership, leadership) {
            (_, Leadership::Own(term)) => tracing::info!(node, term, "won the election, and leads"),
            (before, Leadership::Other(leader, term)) => {
                if let Leadership::Own(led) = before {
                    tracing::info!(node, term = led, "leads no more: there is a later leader");
                }
                tracing::info!(node, leader, term, "follows the leader");
            }
            (Leadership::Own(led), Leadership::Nobody) if term > led => {
                tracing::info!(node, term = led, "leads no more: there is a later term");
            }
            (Leadership::Own(term), Leadership::Nobody) => {
                tracing::warn!(
                    node,
                    term,
                    "leads no more: no majority answers, or it was removed or handed over"
                );
            }
            (Leadership::Other(leader, _), Leadership::Nobody) => {
                tracing::info!(node, leader, term, "lost the leader");
            }
            (Leadership::Nobody, Leadership::Nobody) => {}
        }
        self.leadership = leadership;
    }

    /// A piece of a snapshot was taken; of each stream the first is worth a line.
    pub(super) fn receives(&mut self, from: NodeId, stream: StreamId, last: Position) {
        if self.receiving.replace(stream) != Some(stream) {
            tracing::info!(node = self.node, from, %last, "receives a snapshot");
        }
    }

    /// A snapshot that arrived was put in place, or not.
    pub(super) fn installed(&self, applied: Index, outcome: Result<(), InstallFailure>) {
        let node = self.node;
        match outcome {
            Ok(()) => tracing::info!(node, applied, "a snapshot is in place"),
            Err(why) => tracing::warn!(node, "a snapshot was not put in place: {}", words(why)),
        }
    }

    /// A peer did not take the snapshot that this node sent.
    pub(super) fn rejected(&self, peer: NodeId, why: InstallFailure) {
        let node = self.node;
        match why {
            InstallFailure::NotStaged => {
                tracing::warn!(node, peer, "the peer did not take the snapshot: {}", words(why));
            }
            InstallFailure::Damaged => tracing::error!(
                node,
                peer,
                "the peer did not take the snapshot: {}: if that happens with several peers, replace this node",
                words(why)
            ),
        }
    }
}

fn words(why: InstallFailure) -> &'static str {
    match why {
        InstallFailure::NotStaged => "it is not there any more",
        InstallFailure::Damaged => "what arrived is not what its checksum says",
    }
}
