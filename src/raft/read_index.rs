//! ReadIndex: linearizable reads without the log (thesis, section 6.4).
//!
//! The leader notes its commit index, hears from a quorum that it still leads, and the read may be served once that
//! index is applied. All reads that wait share one round; while it is under way the next ones gather.

use super::{
    Body, Index, NodeId, ReadReady,
    quorum::is_quorum,
    raft::{Raft, Shared},
    role::Role,
};

/// Who asked for a read.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) enum Reader {
    /// The node itself, by the name of the read.
    Local(u64),
    /// A follower, and its name for the read.
    Follower(NodeId, u64),
}

/// The reads of a leader. Every heartbeat begins a round; reads wait for one at most, which is the one under way.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct ReadRounds {
    waiting: Vec<Reader>,
    under_way: Option<ReadRound>,
    latest: u64,
}

/// Reads that wait for a quorum to confirm that this node still led when the round began.
#[derive(Clone, Debug, Hash)]
struct ReadRound {
    number: u64,
    index: Index,
    readers: Vec<Reader>,
}

impl ReadRounds {
    /// Number of the latest round; 0 before the first.
    pub(super) fn latest(&self) -> u64 {
        self.latest
    }

    /// Begins a round. Returns its number.
    pub(super) fn begin(&mut self) -> u64 {
        self.latest += 1;
        self.latest
    }
}

impl Raft {
    /// Asks for a linearizable read. Returns the name under which [`super::Effects::reads`] will allow it or
    /// [`super::Effects::reads_failed`] refuse it; `None` when no leader is known: nothing to wait for.
    pub fn read(&mut self) -> Option<u64> {
        let id = self.shared.next_read;
        match &mut self.role {
            Role::Leader(leader) => leader.rounds.waiting.push(Reader::Local(id)),
            Role::Follower(follower) => {
                let leader = follower.leader?;
                follower.reads.insert(id, 0);
                self.shared.send(leader, Body::ReadIndexRequest { id });
            }
            Role::PreCandidate(_) | Role::Candidate(_) => return None,
        }
        self.shared.next_read += 1;
        Some(id)
    }

    pub(super) fn on_read_index_request(&mut self, from: NodeId, id: u64) {
        match &mut self.role {
            Role::Leader(leader) => leader.rounds.waiting.push(Reader::Follower(from, id)),
            _ => self.shared.send(from, Body::ReadIndexResponse { id, index: None }),
        }
    }

    pub(super) fn on_read_index_response(&mut self, id: u64, index: Option<Index>) {
        let Role::Follower(follower) = &mut self.role else { return };
        if follower.reads.remove(&id).is_some() {
            match index {
                Some(index) => self.shared.out.reads.push(ReadReady { id, index }),
                None => self.shared.out.reads_failed.push(id),
            }
        }
    }

    /// Starts a round for all reads that wait, unless one is under way; with a lease they need none. Before an entry of its
    /// own term is committed a leader does not know what is committed, and starts none.
    pub(super) fn start_read_round(&mut self) {
        let holds_lease = self.holds_lease();
        let Role::Leader(leader) = &mut self.role else { return };
        if holds_lease {
            for reader in std::mem::take(&mut leader.rounds.waiting) {
                self.shared.answer_read(reader, Some(self.shared.commit));
            }
            return;
        }
        let knows_commit = self.shared.commit >= leader.term_start;
        if !knows_commit || leader.rounds.under_way.is_some() || leader.rounds.waiting.is_empty() {
            return;
        }
        let readers = std::mem::take(&mut leader.rounds.waiting);
        let number = leader.rounds.latest() + 1;
        leader.rounds.under_way = Some(ReadRound { number, index: self.shared.commit, readers });
        self.broadcast_heartbeat();
    }

    /// Lets the reads of a confirmed round go, and starts the next.
    pub(super) fn release_reads(&mut self) {
        while self.round_is_confirmed() {
            let Role::Leader(leader) = &mut self.role else { return };
            let Some(round) = leader.rounds.under_way.take() else { return };
            for reader in round.readers {
                self.shared.answer_read(reader, Some(round.index));
            }
            self.start_read_round();
        }
    }

    fn round_is_confirmed(&self) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        let Some(ReadRound { number, .. }) = leader.rounds.under_way else { return false };
        let own = self.shared.options.id;
        let confirms =
            |id| id == own || leader.peers.get(&id).is_some_and(|progress| progress.round >= number);
        is_quorum(self.shared.configuration(), confirms)
    }

    /// A forwarded read whose answer was lost fails, so that its caller asks again.
    pub(super) fn expire_forwarded_reads(&mut self) {
        let Role::Follower(follower) = &mut self.role else { return };
        let patience_ticks = self.shared.options.election_ticks_min;
        let out = &mut self.shared.out;
        follower.reads.retain(|&id, waited_ticks| {
            *waited_ticks += 1;
            let keep = *waited_ticks <= patience_ticks;
            if !keep {
                out.reads_failed.push(id);
            }
            keep
        });
    }
}

impl Shared {
    fn answer_read(&mut self, reader: Reader, index: Option<Index>) {
        match (reader, index) {
            (Reader::Local(id), Some(index)) => self.out.reads.push(ReadReady { id, index }),
            (Reader::Local(id), None) => self.out.reads_failed.push(id),
            (Reader::Follower(to, id), index) => self.send(to, Body::ReadIndexResponse { id, index }),
        }
    }

    /// Reads that the role being left can no longer confirm.
    pub(super) fn fail_reads_of(&mut self, left: Role) {
        match left {
            Role::Leader(leader) => {
                let begun = leader.rounds.under_way.into_iter().flat_map(|round| round.readers);
                for reader in begun.chain(leader.rounds.waiting) {
                    self.answer_read(reader, None);
                }
            }
            Role::Follower(follower) => self.out.reads_failed.extend(follower.reads.into_keys()),
            Role::PreCandidate(_) | Role::Candidate(_) => {}
        }
    }
}
